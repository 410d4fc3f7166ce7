-- The previous event of each user with new ones: the first new one is linked to it.
-- needs: experiment_events, known_users
INSERT INTO experiment_events
SELECT
    -1 AS n, number AS user_id, treatment, message, timestamp, time, NULL AS latency, track, recommendation,
    recommender, session, NULL AS experiments, NULL AS run, NULL AS world_version,
    NULL AS model_version
FROM known_users
WHERE timestamp IS NOT NULL
    AND number IN (SELECT user_id FROM experiment_events)
