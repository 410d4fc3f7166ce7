-- What each user did on each day, of rows that have `began`, the start of their session: a calendar
-- day (UTC) since the epoch, or where `$since_first` is true one of the user's own, counted from the
-- user's first line.
WITH dated AS (
    SELECT
        *,
        CASE
            WHEN $since_first THEN began - MIN(began) OVER (PARTITION BY user_id)
            ELSE began
        END AS moment
    FROM {rows}
)

SELECT
    user_id,
    treatment,
    CAST(FLOOR(moment / 86400000) AS BIGINT) AS day{columns}
FROM dated
GROUP BY user_id, treatment, CAST(FLOOR(moment / 86400000) AS BIGINT)
ORDER BY day, treatment, user_id
