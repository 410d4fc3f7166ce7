-- Of which run, world and model the lines are. Answers of the fallback are of no model. Which
-- recommender decides may depend on all experiments together: versions are told apart by them.
-- needs: experiment_events
SELECT
    treatment,
    experiments,
    run,
    world_version,
    CASE WHEN recommender = 'fallback' THEN NULL ELSE model_version END AS model_version,
    COUNT(*) AS lines,
    MIN(timestamp) AS first_timestamp,
    MAX(timestamp) AS last_timestamp
FROM experiment_events
GROUP BY
    treatment, experiments, run, world_version,
    CASE WHEN recommender = 'fallback' THEN NULL ELSE model_version END
ORDER BY treatment, experiments, first_timestamp, run, world_version, model_version
