-- One row per user and treatment: the four metrics of the effect table. A user without a finished
-- session has no ratio. `treatments` maps each value of `experiments` to the treatment under study;
-- lines outside the experiment have no row in it.
SELECT
    user_id,
    treatment,
    lines,
    sessions,
    lines / CAST(NULLIF(sessions, 0) AS DOUBLE) AS mean_session_length,
    total_time / CAST(NULLIF(sessions, 0) AS DOUBLE) AS mean_session_time,
    mean_request_time
FROM (
    SELECT
        events.user_id,
        treatments.treatment,
        COUNT(*) AS lines,
        SUM(CASE WHEN events.message = 'last' THEN 1 ELSE 0 END) AS sessions,
        SUM(events.time) AS total_time,
        AVG(events.latency) AS mean_request_time
    FROM events
    INNER JOIN treatments ON treatments.experiments = events.experiments
    GROUP BY events.user_id, treatments.treatment
) AS totals
ORDER BY treatment, user_id
