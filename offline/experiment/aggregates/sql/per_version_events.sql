-- What each user did in the time of each set of versions: lines belong to when their session began.
-- needs: metric_events, version_spans
WITH sessions AS (
    SELECT
        *,
        MIN(timestamp) OVER (PARTITION BY user_id, session, part) AS began
    FROM metric_events
)

SELECT
    user_id,
    treatment,
    version_spans.number{columns}
FROM sessions
INNER JOIN version_spans
    ON sessions.began >= version_spans.since AND sessions.began < version_spans.until
GROUP BY user_id, treatment, version_spans.number
ORDER BY version_spans.number, treatment, user_id
