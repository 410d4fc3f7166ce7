-- What each user did in the time of each set of versions: sessions belong to when they began.
WITH sessions AS (
    SELECT
        user_id, treatment, session, part,
        MIN(timestamp) AS started,
        SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END) AS finished,
        SUM(time) AS total_time
    FROM judged_lines
    GROUP BY user_id, treatment, session, part
)

SELECT
    sessions.user_id,
    sessions.treatment,
    version_spans.number,
    CAST(SUM(sessions.finished) AS BIGINT) AS sessions,
    SUM(sessions.total_time) AS total_time
FROM sessions
INNER JOIN version_spans
    ON sessions.started >= version_spans.since AND sessions.started < version_spans.until
GROUP BY sessions.user_id, sessions.treatment, version_spans.number
ORDER BY version_spans.number, sessions.treatment, sessions.user_id
