-- Whether the log of a shop is whole, by treatment: do events name answers that it has, and did the
-- treatment's own recommender answer?
-- needs: experiment_events
SELECT
    treatment,
    SUM(CASE WHEN message = 'recommend' THEN 1 ELSE 0 END) AS answers,
    SUM(CASE WHEN message = 'recommend' AND recommender = 'fallback' THEN 1 ELSE 0 END)
        AS fallback_answers,
    SUM(CASE WHEN message = 'recommend' AND shown_items = 0 THEN 1 ELSE 0 END) AS empty_answers,
    SUM(attributed + lost) AS following,
    SUM(lost) AS lost,
    SUM(CASE WHEN event = 'transaction' THEN 1 ELSE 0 END) AS purchases,
    SUM(CASE WHEN event = 'transaction' AND price IS NOT NULL THEN 1 ELSE 0 END) AS priced
FROM experiment_events
GROUP BY treatment
ORDER BY treatment
