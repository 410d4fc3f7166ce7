-- What metrics call `events`: the lines under judgement. `own` names the recommender that each
-- treatment stands for; a `next` that another one answered is a fallback.
-- needs: judged_lines, own
-- makes: metric_events
CREATE VIEW metric_events AS
SELECT judged_lines.*, own.recommender AS own_recommender
FROM judged_lines
LEFT JOIN own ON own.treatment = judged_lines.treatment;
