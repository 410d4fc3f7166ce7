-- `known_users` has the number, the treatment and the last line of each user of `fresh`; NULL where
-- there was none. Users seen in several treatments are excluded.
-- needs: fresh, known_users
-- makes: experiment_events, old_lines, several
CREATE TABLE several AS
SELECT number
FROM (
    SELECT known_users.number, fresh.treatment
    FROM fresh
    INNER JOIN known_users ON known_users.user_id = fresh.user_id
    UNION
    SELECT number, treatment FROM known_users WHERE treatment IS NOT NULL
)
GROUP BY number
HAVING COUNT(*) > 1
UNION
SELECT number FROM known_users WHERE several;

-- An event that is no later than the latest one of its user is a duplicate, or late. A duplicate of
-- the latest event is detected here; for others the whole log must be read again.
CREATE TABLE old_lines AS
SELECT
    fresh.track = known_users.track
    AND fresh.message = known_users.message
    AND fresh.timestamp = known_users.timestamp AS repeats_last
FROM fresh
INNER JOIN known_users ON known_users.user_id = fresh.user_id
WHERE fresh.timestamp <= known_users.timestamp;

CREATE TABLE experiment_events AS
SELECT
    fresh.n, known_users.number AS user_id, fresh.treatment, fresh.message, fresh.timestamp,
    fresh.time, fresh.latency, fresh.track, fresh.recommendation, fresh.recommender, fresh.session,
    fresh.experiments, fresh.run, fresh.world_version, fresh.model_version
FROM fresh
INNER JOIN known_users ON known_users.user_id = fresh.user_id
LEFT JOIN several ON several.number = known_users.number
WHERE several.number IS NULL
    AND (known_users.timestamp IS NULL OR fresh.timestamp > known_users.timestamp)
