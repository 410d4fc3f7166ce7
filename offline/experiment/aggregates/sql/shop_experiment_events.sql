-- The lines of a shop under judgement: those of the experiment, each once. An event with the id of an
-- earlier one of the same visitor was sent again, an answer with the same id was shipped again.
-- Users in several treatments, and treatments that are not under study, are left out.
-- needs: compared_treatments, dropped_users, events, treatments, users_in_several
-- makes: event_kinds, experiment_events, numbered_events, repeated_events, selected_events
CREATE TABLE repeated_events AS
SELECT user_id, message, same, MIN(n) AS first_n
FROM events
WHERE same IS NOT NULL
GROUP BY user_id, message, same
HAVING COUNT(*) > 1;

CREATE TABLE event_kinds AS
SELECT treatments.experiments, treatments.treatment
FROM treatments
INNER JOIN compared_treatments ON compared_treatments.treatment = treatments.treatment;

CREATE VIEW selected_events AS
SELECT events.*, event_kinds.treatment
FROM events
INNER JOIN event_kinds ON event_kinds.experiments = events.experiments
LEFT JOIN users_in_several ON users_in_several.user_id = events.user_id
LEFT JOIN dropped_users ON dropped_users.user_id = events.user_id
LEFT JOIN repeated_events
    ON repeated_events.user_id = events.user_id
    AND repeated_events.message = events.message
    AND repeated_events.same = events.same
WHERE users_in_several.user_id IS NULL
    AND dropped_users.user_id IS NULL
    AND (repeated_events.first_n IS NULL OR repeated_events.first_n = events.n);

-- A session ends where nothing happens for 30 minutes.
CREATE TABLE numbered_events AS
WITH spaced AS (
    SELECT
        *,
        timestamp - LAG(timestamp) OVER (PARTITION BY user_id ORDER BY timestamp, n) AS gap_ms
    FROM selected_events
)

SELECT
    *,
    SUM(CASE WHEN gap_ms <= 1800000 THEN 0 ELSE 1 END) OVER (
        PARTITION BY user_id ORDER BY timestamp, n
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS part
FROM spaced;

CREATE VIEW experiment_events AS
SELECT *, SUBSTR(NULL, 1) AS world_version, 0 AS backwards
FROM numbered_events;
