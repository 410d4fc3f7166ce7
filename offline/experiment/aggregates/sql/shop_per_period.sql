-- What each visitor did in each period: of `$period` ms, counted from the epoch; also by the metrics
-- that add up over periods.
-- needs: metric_events
SELECT
    user_id,
    treatment,
    CAST(FLOOR(timestamp / $period) AS BIGINT) AS period,
    COUNT(*) AS lines,
    CAST(0 AS BIGINT) AS sessions,
    CAST(0 AS DOUBLE) AS total_time{columns}
FROM metric_events
GROUP BY user_id, treatment, CAST(FLOOR(timestamp / $period) AS BIGINT)
ORDER BY period, treatment, user_id
