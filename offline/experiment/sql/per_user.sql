-- One row per user and treatment: the four metrics of the effect table, then the sums that other
-- metrics are made of. A user without a finished session has no ratio. `own` names the recommender
-- that each treatment stands for; a `next` that another one answered is a fallback.
WITH totals AS (
    SELECT
        judged_lines.user_id,
        judged_lines.treatment,
        COUNT(*) AS lines,
        CAST(SUM(CASE WHEN judged_lines.message = 'last' THEN 1 ELSE 0 END) AS BIGINT) AS sessions,
        SUM(judged_lines.time) AS total_time,
        AVG(judged_lines.latency) AS mean_request_time,
        COUNT(own.recommender) AS answers,
        CAST(
            SUM(CASE WHEN judged_lines.recommender <> own.recommender THEN 1 ELSE 0 END) AS BIGINT
        ) AS fallbacks
    FROM judged_lines
    LEFT JOIN own
        ON own.treatment = judged_lines.treatment AND judged_lines.recommender IS NOT NULL
    GROUP BY judged_lines.user_id, judged_lines.treatment
),

of_sessions AS (
    SELECT
        user_id,
        treatment,
        CAST(SUM(length - 1) AS BIGINT) AS recommended,
        CAST(SUM(repeats) AS BIGINT) AS repeats,
        CAST(SUM(1 - finished) AS BIGINT) AS unfinished,
        CAST(
            SUM(CASE WHEN finished = 1 AND length > 10 THEN 1 ELSE 0 END) AS BIGINT
        ) AS long_sessions,
        CAST(SUM(finished * artists) AS BIGINT) AS artists
    FROM judged_sessions
    GROUP BY user_id, treatment
)

SELECT
    totals.user_id,
    totals.treatment,
    totals.lines,
    totals.sessions,
    totals.lines / CAST(NULLIF(totals.sessions, 0) AS DOUBLE) AS mean_session_length,
    totals.total_time / CAST(NULLIF(totals.sessions, 0) AS DOUBLE) AS mean_session_time,
    totals.mean_request_time,
    totals.total_time,
    totals.answers,
    totals.fallbacks,
    of_sessions.recommended,
    of_sessions.repeats,
    of_sessions.unfinished,
    of_sessions.long_sessions,
    of_sessions.artists
FROM totals
LEFT JOIN of_sessions
    ON of_sessions.user_id = totals.user_id AND of_sessions.treatment = totals.treatment
ORDER BY totals.treatment, totals.user_id
