-- What each user did in the sessions that began on each day: a calendar day (UTC) since the epoch, or
-- where `$since_first` is true one of the user's own, counted from the user's first line.
-- needs: judged_sessions
WITH dated AS (
    SELECT
        *,
        CASE
            WHEN $since_first THEN started - MIN(started) OVER (PARTITION BY user_id)
            ELSE started
        END AS moment
    FROM judged_sessions
)

SELECT
    user_id,
    treatment,
    CAST(FLOOR(moment / 86400000) AS BIGINT) AS day{columns}
FROM dated
GROUP BY user_id, treatment, CAST(FLOOR(moment / 86400000) AS BIGINT)
ORDER BY day, treatment, user_id
