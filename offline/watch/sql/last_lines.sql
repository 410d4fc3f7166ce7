-- The last line of each user.
-- needs: judged_lines
WITH latest AS (
    SELECT user_id, MAX(timestamp) AS timestamp
    FROM judged_lines
    GROUP BY user_id
),

last_lines AS (
    SELECT MAX(judged_lines.n) AS n
    FROM judged_lines
    INNER JOIN latest
        ON latest.user_id = judged_lines.user_id AND latest.timestamp = judged_lines.timestamp
    GROUP BY judged_lines.user_id
)

SELECT
    judged_lines.user_id AS number, judged_lines.treatment, judged_lines.message,
    judged_lines.timestamp, judged_lines.time, judged_lines.track, judged_lines.recommendation,
    judged_lines.recommender, judged_lines.session
FROM judged_lines
INNER JOIN last_lines ON last_lines.n = judged_lines.n
