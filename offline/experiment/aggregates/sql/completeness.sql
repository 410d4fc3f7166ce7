-- Whether the log is whole, by treatment: is each answer followed by the track it recommended, does
-- each session begin with the track that the listener chose (time 1.0), does it end with a `last`?
-- A line continues a session where the line before it in the session is a `next`. Where the service
-- does not log `session`, a full play of a track that was not recommended begins one. The rows are
-- those of `experiment_events`: `gap_ms` and `previous_recommendation` are of the
-- line before in the session.
WITH lines AS (
    SELECT
        user_id, treatment, message, timestamp, time, track, recommendation,
        gap_ms, previous_recommendation,
        recommender IS NOT NULL AS told,
        recommendation IS NOT NULL AND COALESCE(recommender = 'fallback', FALSE) AS by_fallback,
        gap_ms IS NOT NULL
        AND NOT (
            session IS NULL
            AND time >= 0.995
            AND COALESCE(track <> previous_recommendation, FALSE)
        ) AS continues
    FROM {rows}
),

-- By user first: the lines are read once, and what follows has few rows.
of_users AS (
    SELECT
        user_id,
        treatment,
        COUNT(recommendation) AS answers,
        SUM(CASE WHEN by_fallback THEN 1 ELSE 0 END) AS fallback_answers,
        SUM(CASE WHEN told THEN 1 ELSE 0 END) AS told_recommenders,
        SUM(CASE WHEN continues AND previous_recommendation IS NOT NULL THEN 1 ELSE 0 END)
            AS links,
        SUM(CASE WHEN continues AND track <> previous_recommendation THEN 1 ELSE 0 END)
            AS broken_links,
        SUM(CASE WHEN continues THEN 0 ELSE 1 END) AS sessions,
        SUM(CASE WHEN time < 0.995 AND NOT continues THEN 1 ELSE 0 END) AS without_start,
        SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END) AS with_end,
        MAX(timestamp) AS heard,
        MAX(CASE WHEN message = 'last' THEN timestamp END) AS ended,
        SUM(CASE WHEN continues THEN 1 ELSE 0 END) AS gaps,
        SUM(CASE WHEN continues THEN gap_ms ELSE 0 END) AS gaps_ms
    FROM lines
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
    CAST(SUM(sessions - with_end) AS BIGINT) AS without_end,
    CAST(
        SUM(
            CASE WHEN heard >= clock.recent AND (ended IS NULL OR ended < heard) THEN 1 ELSE 0 END
        ) AS BIGINT
    ) AS still_open,
    CAST(SUM(gaps) AS BIGINT) AS gaps,
    CAST(SUM(gaps_ms) AS BIGINT) AS gaps_ms
FROM of_users
CROSS JOIN clock
GROUP BY of_users.treatment
ORDER BY of_users.treatment
