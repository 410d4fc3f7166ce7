-- How many different tracks were recommended to each group of users; `user_groups` has the groups.
-- needs: experiment_events, user_groups
SELECT
    user_groups.treatment,
    user_groups.coverage_group,
    COUNT(DISTINCT experiment_events.recommendation) AS tracks
FROM experiment_events
INNER JOIN user_groups
    ON user_groups.user_id = experiment_events.user_id AND user_groups.treatment = experiment_events.treatment
WHERE user_groups.coverage_group IS NOT NULL
GROUP BY user_groups.treatment, user_groups.coverage_group
ORDER BY user_groups.treatment, user_groups.coverage_group
