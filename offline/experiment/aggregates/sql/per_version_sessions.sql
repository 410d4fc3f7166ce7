-- What each user did in the time of each set of versions: sessions belong to when they began.
-- needs: judged_sessions, version_spans
SELECT
    judged_sessions.user_id,
    judged_sessions.treatment,
    version_spans.number{columns}
FROM judged_sessions
INNER JOIN version_spans
    ON judged_sessions.started >= version_spans.since
    AND judged_sessions.started < version_spans.until
GROUP BY judged_sessions.user_id, judged_sessions.treatment, version_spans.number
ORDER BY version_spans.number, judged_sessions.treatment, judged_sessions.user_id
