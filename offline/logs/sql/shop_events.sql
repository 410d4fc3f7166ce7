-- The events of a shop with the treatments that their visitor was in: those of the last answer
-- before. What a visitor did before the first answer is in no experiment. `attributed` is 1 for an
-- event that follows an answer to the same visitor, `lost` for one that names an answer which the log
-- does not have.
-- needs: shop_lines
-- makes: events
CREATE TABLE events AS
WITH answers AS (
    SELECT user_id, request, MIN(timestamp) AS answered
    FROM shop_lines
    WHERE message = 'recommend' AND request IS NOT NULL
    GROUP BY user_id, request
),

numbered AS (
    SELECT
        shop_lines.*,
        CASE WHEN shop_lines.message = 'recommend' THEN shop_lines.request ELSE shop_lines.id END
            AS same,
        CASE
            WHEN shop_lines.message = 'event' AND answers.request IS NOT NULL THEN 1
            ELSE 0
        END AS attributed,
        CASE
            WHEN shop_lines.message = 'event' AND shop_lines.request IS NOT NULL
                AND answers.request IS NULL THEN 1
            ELSE 0
        END AS lost,
        SUM(CASE WHEN shop_lines.message = 'recommend' THEN 1 ELSE 0 END) OVER (
            PARTITION BY shop_lines.user_id
            ORDER BY
                shop_lines.timestamp,
                CASE WHEN shop_lines.message = 'recommend' THEN 0 ELSE 1 END,
                shop_lines.n
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS answers_before
    FROM shop_lines
    LEFT JOIN answers
        ON answers.user_id = shop_lines.user_id AND answers.request = shop_lines.request
)

SELECT
    n, file, message, timestamp, user_id, item, event, same, price, quantity, value, latency,
    session, request, k, shown_items, recommender, run, model_version, attributed, lost,
    COALESCE(
        MAX(CASE WHEN message = 'recommend' THEN experiments END) OVER (
            PARTITION BY user_id, answers_before
        ),
        '{}'
    ) AS experiments
FROM numbered;
