-- How many different tracks were recommended to each group of users; `user_groups` has the groups.
-- needs: judged_lines, user_groups
SELECT
    user_groups.treatment,
    user_groups.coverage_group,
    COUNT(DISTINCT judged_lines.recommendation) AS tracks
FROM judged_lines
INNER JOIN user_groups
    ON user_groups.user_id = judged_lines.user_id AND user_groups.treatment = judged_lines.treatment
WHERE user_groups.coverage_group IS NOT NULL
GROUP BY user_groups.treatment, user_groups.coverage_group
ORDER BY user_groups.treatment, user_groups.coverage_group
