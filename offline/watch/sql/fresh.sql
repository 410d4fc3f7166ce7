-- The new events of the experiment without duplicates, as in experiment_events.sql; `events` has only
-- new ones. Sessions become numbers, as they are only compared.
-- needs: dropped_users, events, treatments
-- makes: fresh
CREATE TABLE fresh AS
SELECT
    events.n, events.user_id, treatments.treatment, events.message, events.timestamp, events.time,
    events.latency, events.track, events.recommendation, events.recommender,
    CASE WHEN events.session IS NOT NULL THEN hash(events.session) END AS session,
    events.experiments, events.run, events.world_version, events.model_version
FROM events
INNER JOIN treatments ON treatments.experiments = events.experiments
LEFT JOIN dropped_users ON dropped_users.user_id = events.user_id
WHERE dropped_users.user_id IS NULL
    AND events.n IN (SELECT MIN(n) FROM events GROUP BY user_id, timestamp, track, message)
