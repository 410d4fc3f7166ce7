-- How many sessions of each length (in log lines) every treatment has, finished ones apart.
-- needs: judged_sessions
SELECT
    treatment,
    finished,
    length,
    COUNT(*) AS sessions
FROM judged_sessions
GROUP BY treatment, finished, length
ORDER BY treatment, finished, length
