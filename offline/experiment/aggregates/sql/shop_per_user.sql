-- One row per visitor and treatment: counts that checks need, and a column for each sum of the
-- metrics.
-- needs: experiment_sessions, metric_events
WITH of_events AS (
    SELECT
        user_id,
        treatment,
        COUNT(*) AS lines{event_columns}
    FROM metric_events
    GROUP BY user_id, treatment
),

of_sessions AS (
    SELECT
        user_id,
        treatment,
        COUNT(*) AS sessions{session_columns}
    FROM experiment_sessions
    GROUP BY user_id, treatment
)

SELECT
    of_events.user_id,
    of_events.treatment,
    of_events.lines,
    of_sessions.sessions{columns}
FROM of_events
LEFT JOIN of_sessions
    ON of_sessions.user_id = of_events.user_id AND of_sessions.treatment = of_events.treatment
ORDER BY of_events.treatment, of_events.user_id
