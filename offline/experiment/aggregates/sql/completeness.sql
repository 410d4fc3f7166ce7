-- Whether the log is whole, by treatment: is each answer followed by the track it recommended, does
-- each session begin with the track that the listener chose (time 1.0), does it end with a `last`?
-- A line continues a session where the user's line before it is a `next` of the same session. Where
-- the service does not log `session`, a full play of a track that was not recommended begins one.
-- needs: experiment_events
WITH lines AS (
    SELECT
        n, user_id, treatment, timestamp, time, track, recommendation, session,
        message = 'next' AS goes_on,
        recommender IS NOT NULL AS told,
        recommendation IS NOT NULL AND COALESCE(recommender = 'fallback', FALSE) AS by_fallback
    FROM experiment_events
),

pairs AS (
    SELECT
        user_id, treatment, timestamp, time, recommendation, session, goes_on, told, by_fallback,
        LEAD(timestamp) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_timestamp,
        LEAD(session) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_session,
        LEAD(track) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_track,
        LEAD(time) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS next_time
    FROM lines
),

continued_pairs AS (
    SELECT
        *,
        COALESCE(
            goes_on
            AND next_timestamp IS NOT NULL
            AND CASE
                WHEN session IS NOT NULL AND next_session IS NOT NULL THEN session = next_session
                ELSE NOT (next_time >= 0.995 AND COALESCE(next_track <> recommendation, FALSE))
            END,
            FALSE
        ) AS continued
    FROM pairs
),

-- By user first: the lines are read once, and what follows has few rows.
of_users AS (
    SELECT
        user_id,
        treatment,
        COUNT(recommendation) AS answers,
        SUM(CASE WHEN by_fallback THEN 1 ELSE 0 END) AS fallback_answers,
        SUM(CASE WHEN told THEN 1 ELSE 0 END) AS told_recommenders,
        SUM(CASE WHEN continued AND recommendation IS NOT NULL THEN 1 ELSE 0 END) AS links,
        SUM(CASE WHEN continued AND recommendation <> next_track THEN 1 ELSE 0 END)
            AS broken_links,
        SUM(CASE WHEN continued THEN 0 ELSE 1 END) AS sessions,
        -- A line that begins a session is one that continues none.
        SUM(CASE WHEN time < 0.995 THEN 1 ELSE 0 END)
        - SUM(CASE WHEN continued AND next_time < 0.995 THEN 1 ELSE 0 END) AS without_start,
        SUM(CASE WHEN goes_on AND NOT continued THEN 1 ELSE 0 END) AS without_end,
        MAX(CASE WHEN goes_on AND next_timestamp IS NULL THEN timestamp END) AS open_since,
        MAX(timestamp) AS heard,
        SUM(CASE WHEN continued THEN 1 ELSE 0 END) AS gaps,
        SUM(CASE WHEN continued THEN next_timestamp - timestamp ELSE 0 END) AS gaps_ms
    FROM continued_pairs
    GROUP BY user_id, treatment
),

-- Whoever was heard lately may still be listening: within 20 mean gaps between two requests.
clock AS (
    SELECT
        MAX(heard) - COALESCE(20 * CAST(SUM(gaps_ms) AS DOUBLE) / NULLIF(SUM(gaps), 0), 0)
            AS recent
    FROM of_users
)

SELECT
    of_users.treatment,
    CAST(SUM(answers) AS BIGINT) AS answers,
    CAST(SUM(fallback_answers) AS BIGINT) AS fallback_answers,
    CAST(SUM(told_recommenders) AS BIGINT) AS told_recommenders,
    CAST(SUM(links) AS BIGINT) AS links,
    CAST(SUM(broken_links) AS BIGINT) AS broken_links,
    CAST(SUM(sessions) AS BIGINT) AS sessions,
    CAST(SUM(without_start) AS BIGINT) AS without_start,
    CAST(SUM(without_end) AS BIGINT) AS without_end,
    CAST(SUM(CASE WHEN open_since >= clock.recent THEN 1 ELSE 0 END) AS BIGINT) AS still_open,
    CAST(SUM(gaps) AS BIGINT) AS gaps,
    CAST(SUM(gaps_ms) AS BIGINT) AS gaps_ms
FROM of_users
CROSS JOIN clock
GROUP BY of_users.treatment
ORDER BY of_users.treatment
