-- How many sessions of each length (in log lines) every treatment has, finished ones apart.
SELECT
    treatment,
    finished,
    length,
    COUNT(*) AS sessions
FROM (
    SELECT
        MIN(treatments.treatment) AS treatment,
        MAX(CASE WHEN session_events.message = 'last' THEN 1 ELSE 0 END) AS finished,
        COUNT(*) AS length
    FROM session_events
    INNER JOIN treatments ON treatments.experiments = session_events.experiments
    GROUP BY session_events.user_id, session_events.session, session_events.part
) AS cut
GROUP BY treatment, finished, length
ORDER BY treatment, finished, length
