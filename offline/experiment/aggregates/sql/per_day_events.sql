-- What each user did on each day: lines belong to the day on which their session began, a calendar day
-- (UTC) since the epoch, or where `$since_first` is true one of the user's own, counted from the
-- user's first line.
-- needs: metric_events
WITH begun AS (
    SELECT
        *,
        MIN(timestamp) OVER (PARTITION BY user_id, session, part) AS began
    FROM metric_events
),

dated AS (
    SELECT
        *,
        CASE
            WHEN $since_first THEN began - MIN(timestamp) OVER (PARTITION BY user_id)
            ELSE began
        END AS moment
    FROM begun
)

SELECT
    user_id,
    treatment,
    CAST(FLOOR(moment / 86400000) AS BIGINT) AS day{columns}
FROM dated
GROUP BY user_id, treatment, CAST(FLOOR(moment / 86400000) AS BIGINT)
ORDER BY day, treatment, user_id
