-- One row per user and treatment: the four metrics of the effect table, counts that checks need, and
-- a column for each sum of the metrics. A user without a finished session has no mean per session.
-- needs: experiment_sessions, metric_events
WITH of_events AS (
    SELECT
        user_id,
        treatment,
        COUNT(*) AS lines,
        CAST(SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END) AS BIGINT) AS sessions,
        SUM(time) AS total_time,
        AVG(latency) AS mean_request_time{event_columns}
    FROM metric_events
    GROUP BY user_id, treatment
),

of_sessions AS (
    SELECT
        user_id,
        treatment,
        CAST(SUM(1 - finished) AS BIGINT) AS unfinished{session_columns}
    FROM experiment_sessions
    GROUP BY user_id, treatment
)

SELECT
    of_events.user_id,
    of_events.treatment,
    of_events.lines,
    of_events.sessions,
    of_events.lines / CAST(NULLIF(of_events.sessions, 0) AS DOUBLE) AS mean_session_length,
    of_events.total_time / CAST(NULLIF(of_events.sessions, 0) AS DOUBLE) AS mean_session_time,
    of_events.mean_request_time,
    of_events.total_time,
    of_sessions.unfinished{columns}
FROM of_events
LEFT JOIN of_sessions
    ON of_sessions.user_id = of_events.user_id AND of_sessions.treatment = of_events.treatment
ORDER BY of_events.treatment, of_events.user_id
