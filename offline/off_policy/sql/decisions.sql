-- What a recommender decided and what came of it: one row per `next` line. `exclusion_reason` says
-- why the reward or the chance of a decision is unknown; NULL where both are known. A line that
-- repeats an earlier one of its session counts once: shipping may deliver a line twice.
-- needs: session_events
-- makes: decisions
CREATE TABLE decisions AS
WITH once AS (
    SELECT *
    FROM session_events
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY user_id, session, part, timestamp, track, message ORDER BY n
    ) = 1
),

followed AS (
    SELECT
        *,
        DENSE_RANK() OVER (ORDER BY user_id, started, first_line) - 1 AS session_number,
        ROW_NUMBER() OVER in_session - 1 AS position,
        LEAD(track) OVER in_session AS next_track,
        LEAD(time) OVER in_session AS next_time
    FROM once
    WINDOW in_session AS (PARTITION BY user_id, session, part ORDER BY timestamp, n)
)

SELECT
    user_id,
    DENSE_RANK() OVER (ORDER BY user_id) - 1 AS user_number,
    session_number,
    position,
    track,
    CAST(time AS DOUBLE) AS time,
    COALESCE(recommendation, -1) AS recommendation,
    COALESCE(propensity, CAST('nan' AS DOUBLE)) AS propensity,
    COALESCE(next_time, CAST('nan' AS DOUBLE)) AS reward,
    ($recommender IS NULL OR recommender IS NOT DISTINCT FROM $recommender)
    AND (NOT $first OR position = 0) AS asked,
    CASE
        WHEN recommendation IS NULL THEN 'without recommendation'
        WHEN propensity IS NULL THEN 'without propensity'
        -- NaN is greater than every number here.
        WHEN NOT (propensity > 0 AND propensity <= 1) THEN 'propensity not in (0, 1]'
        WHEN next_track IS NULL THEN 'without a following line'
        WHEN next_track <> recommendation THEN 'followed by another track'
    END AS exclusion_reason
FROM followed
WHERE message = 'next';
