-- What each user did in each period: of `$period` ms, counted from the epoch.
SELECT
    user_id,
    treatment,
    CAST(FLOOR(timestamp / $period) AS BIGINT) AS period,
    COUNT(*) AS lines,
    CAST(SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END) AS BIGINT) AS sessions,
    SUM(time) AS total_time
FROM judged_lines
GROUP BY user_id, treatment, CAST(FLOOR(timestamp / $period) AS BIGINT)
ORDER BY period, treatment, user_id
