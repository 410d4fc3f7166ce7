-- How many sessions of each length (in log lines) every treatment has, finished ones apart.
-- needs: experiment_sessions
SELECT
    treatment,
    finished,
    length,
    COUNT(*) AS sessions
FROM experiment_sessions
GROUP BY treatment, finished, length
ORDER BY treatment, finished, length
