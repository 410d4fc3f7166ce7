-- The sessions under judgement. `artists` has the artist of each track, and no row where no catalog
-- was given. The columns after `total_time` are the sums of metrics over the session's lines.
-- needs: artists, metric_events
-- makes: experiment_sessions
CREATE TABLE experiment_sessions AS
WITH lines AS (
    SELECT metric_events.*, artists.artist
    FROM metric_events
    LEFT JOIN artists ON artists.track = metric_events.track
)

SELECT
    user_id,
    MIN(treatment) AS treatment,
    MAX(CASE WHEN message = 'last' THEN 1 ELSE 0 END) AS finished,
    COUNT(*) AS length,
    COUNT(*) - COUNT(DISTINCT track) AS repeats,
    COUNT(DISTINCT artist) AS artists,
    MIN(timestamp) AS started,
    MAX(timestamp) AS ended,
    SUM(time) AS total_time{columns}
FROM lines
GROUP BY user_id, session, part;
