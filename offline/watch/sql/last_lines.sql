-- The latest event of each user.
-- needs: experiment_events
WITH latest AS (
    SELECT user_id, MAX(timestamp) AS timestamp
    FROM experiment_events
    GROUP BY user_id
),

last_lines AS (
    SELECT MAX(experiment_events.n) AS n
    FROM experiment_events
    INNER JOIN latest
        ON latest.user_id = experiment_events.user_id AND latest.timestamp = experiment_events.timestamp
    GROUP BY experiment_events.user_id
)

SELECT
    experiment_events.user_id AS number, experiment_events.treatment, experiment_events.message,
    experiment_events.timestamp, experiment_events.time, experiment_events.track, experiment_events.recommendation,
    experiment_events.recommender, experiment_events.session
FROM experiment_events
INNER JOIN last_lines ON last_lines.n = experiment_events.n
