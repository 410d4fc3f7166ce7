-- What each user did in the sessions that began on each day: a calendar day (UTC) since the epoch,
-- or where `$since_first` is true one of the user's own, counted from the user's first line. The
-- columns are those of per_user.sql that a day has.
WITH dated AS (
    SELECT
        judged_sessions.*,
        CASE
            WHEN $since_first THEN started - MIN(started) OVER (PARTITION BY user_id)
            ELSE started
        END AS moment
    FROM judged_sessions
)

SELECT
    user_id,
    treatment,
    CAST(FLOOR(moment / 86400000) AS BIGINT) AS day,
    CAST(SUM(length) AS BIGINT) AS lines,
    CAST(SUM(finished) AS BIGINT) AS sessions,
    SUM(length) / CAST(NULLIF(SUM(finished), 0) AS DOUBLE) AS mean_session_length,
    SUM(total_time) / CAST(NULLIF(SUM(finished), 0) AS DOUBLE) AS mean_session_time,
    SUM(latency) / CAST(NULLIF(SUM(latencies), 0) AS DOUBLE) AS mean_request_time,
    SUM(total_time) AS total_time,
    CAST(SUM(length - 1) AS BIGINT) AS recommended,
    CAST(SUM(repeats) AS BIGINT) AS repeats,
    CAST(
        SUM(CASE WHEN finished = 1 AND length > 10 THEN 1 ELSE 0 END) AS BIGINT
    ) AS long_sessions,
    CAST(SUM(finished * artists) AS BIGINT) AS artists
FROM dated
GROUP BY user_id, treatment, CAST(FLOOR(moment / 86400000) AS BIGINT)
ORDER BY day, treatment, user_id
