-- Whether the log is whole, by treatment: is each answer followed by the track it recommended, does
-- each session begin with the track that the listener chose (time 1.0), does it end with a `last`?
-- A line continues a session where the user's line before it is a `next` of the same session. Where
-- the service does not log `session`, a full play of a track that was not recommended begins one.
-- needs: judged_lines
WITH pairs AS (
    SELECT
        user_id, treatment, message, timestamp, time, recommendation, recommender, session,
        LEAD(timestamp) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_timestamp,
        LEAD(session) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_session,
        LEAD(track) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_track,
        LEAD(time) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_time
    FROM judged_lines
),

continued_pairs AS (
    SELECT
        *,
        COALESCE(
            message = 'next'
            AND next_timestamp IS NOT NULL
            AND CASE
                WHEN session IS NOT NULL AND next_session IS NOT NULL THEN session = next_session
                ELSE NOT (next_time >= 0.995 AND COALESCE(next_track <> recommendation, FALSE))
            END,
            FALSE
        ) AS continued
    FROM pairs
),

-- Whoever was heard lately may still be listening: within 20 mean gaps between two requests.
clock AS (
    SELECT
        MAX(timestamp) - 20 * COALESCE(
            AVG(CASE WHEN continued THEN next_timestamp - timestamp END), 0
        ) AS recent
    FROM continued_pairs
)

SELECT
    continued_pairs.treatment,
    CAST(SUM(CASE WHEN recommendation IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS answers,
    CAST(
        SUM(CASE WHEN recommendation IS NOT NULL AND recommender = 'fallback' THEN 1 ELSE 0 END)
        AS BIGINT
    ) AS fallback_answers,
    CAST(SUM(CASE WHEN recommender IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS told_recommenders,
    CAST(
        SUM(CASE WHEN continued AND recommendation IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT
    ) AS links,
    CAST(
        SUM(CASE WHEN continued AND recommendation <> next_track THEN 1 ELSE 0 END) AS BIGINT
    ) AS broken_links,
    CAST(SUM(CASE WHEN continued THEN 0 ELSE 1 END) AS BIGINT) AS sessions,
    -- A line that begins a session is one that continues none.
    CAST(
        SUM(CASE WHEN time < 0.995 THEN 1 ELSE 0 END)
        - SUM(CASE WHEN continued AND next_time < 0.995 THEN 1 ELSE 0 END)
        AS BIGINT
    ) AS without_start,
    CAST(
        SUM(CASE WHEN NOT continued AND message = 'next' THEN 1 ELSE 0 END) AS BIGINT
    ) AS without_end,
    CAST(
        SUM(
            CASE
                WHEN next_timestamp IS NULL AND message = 'next' AND timestamp >= clock.recent
                    THEN 1
                ELSE 0
            END
        ) AS BIGINT
    ) AS still_open,
    CAST(SUM(CASE WHEN continued THEN 1 ELSE 0 END) AS BIGINT) AS gaps,
    CAST(
        SUM(CASE WHEN continued THEN next_timestamp - timestamp ELSE 0 END) AS BIGINT
    ) AS gaps_ms
FROM continued_pairs
CROSS JOIN clock
GROUP BY continued_pairs.treatment
ORDER BY continued_pairs.treatment
