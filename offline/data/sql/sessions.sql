-- Events cut into sessions. A session of a user ends with its `last`; where the service logs
-- `session`, that field also tells a session that never ended from the one after it.
-- needs: events
-- makes: plays, session_events
CREATE VIEW session_events AS
WITH parts AS (
    SELECT
        *,
        COALESCE(
            SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END) OVER (
                PARTITION BY user_id, session ORDER BY timestamp, n
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            0
        ) AS part
    FROM events
)
SELECT
    *,
    MIN(timestamp) OVER (PARTITION BY user_id, session, part) AS started,
    MIN(n) OVER (PARTITION BY user_id, session, part) AS first_line
FROM parts;

-- One row per line: the play it reports. Sessions within a user and plays within a session are
-- numbered from 0 in time order; lines with equal timestamps keep the order of the log.
CREATE VIEW plays AS
SELECT
    user_id,
    DENSE_RANK() OVER (PARTITION BY user_id ORDER BY started, first_line) - 1 AS session,
    ROW_NUMBER() OVER (PARTITION BY user_id, session, part ORDER BY timestamp, n) - 1 AS position,
    track,
    time,
    timestamp
FROM session_events;
