-- What metrics call `events`. `treatment_recommenders` has the recommender that each treatment
-- stands for; a `next` that another one answered is a fallback.
-- needs: experiment_events, treatment_recommenders
-- makes: metric_events
CREATE VIEW metric_events AS
SELECT experiment_events.*, treatment_recommenders.recommender AS own_recommender
FROM experiment_events
LEFT JOIN treatment_recommenders
    ON treatment_recommenders.treatment = experiment_events.treatment;
