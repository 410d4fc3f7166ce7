-- How many requests of each block of users took how long, in bins that are 0.5 % wide; the bin of
-- a latency of 0 is NULL.
-- needs: experiment_events, user_groups
SELECT
    user_groups.treatment,
    user_groups.block,
    CAST(FLOOR(LN(NULLIF(experiment_events.latency, 0)) / 0.005) AS BIGINT) AS bin,
    COUNT(*) AS requests
FROM experiment_events
INNER JOIN user_groups
    ON user_groups.user_id = experiment_events.user_id AND user_groups.treatment = experiment_events.treatment
WHERE experiment_events.latency IS NOT NULL
GROUP BY
    user_groups.treatment,
    user_groups.block,
    CAST(FLOOR(LN(NULLIF(experiment_events.latency, 0)) / 0.005) AS BIGINT)
ORDER BY user_groups.treatment, user_groups.block, bin NULLS LAST
