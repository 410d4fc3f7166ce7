-- The sessions of visitors of a shop. The columns after `answers` are the sums of metrics over the
-- session's lines.
-- needs: metric_events
-- makes: experiment_sessions
CREATE TABLE experiment_sessions AS
SELECT
    user_id,
    MIN(treatment) AS treatment,
    1 AS finished,
    COUNT(*) AS length,
    MIN(timestamp) AS started,
    MAX(timestamp) AS ended,
    SUM(CASE WHEN message = 'recommend' THEN 1 ELSE 0 END) AS answers{columns}
FROM metric_events
GROUP BY user_id, part;
