-- What each user did in the time of each set of versions, of rows that have `began`, the start of
-- their session.
-- needs: version_spans
SELECT
    user_id,
    treatment,
    version_spans.number{columns}
FROM {rows}
INNER JOIN version_spans ON began >= version_spans.since AND began < version_spans.until
GROUP BY user_id, treatment, version_spans.number
ORDER BY version_spans.number, treatment, user_id
