-- The lines under judgement: those of the experiment, each once. Of lines with the same user,
-- timestamp, track and message the first counts: whoever ships logs may send a line again.
-- Users in several treatments, and treatments that are not under study, are left out.
CREATE TABLE repeated_lines AS
SELECT user_id, timestamp, track, message, MIN(n) AS first_n
FROM events
GROUP BY user_id, timestamp, track, message
HAVING COUNT(*) > 1;

-- What many lines have in common becomes a number: texts are what takes room and time to sort.
-- `treatments` maps each value of `experiments` to the treatment under study.
CREATE TABLE line_kinds AS
SELECT
    ROW_NUMBER() OVER (
        ORDER BY
            found.experiments, found.recommender, found.run, found.world_version,
            found.model_version
    ) AS kind,
    found.experiments, found.recommender, found.run, found.world_version, found.model_version,
    treatments.treatment
FROM (
    SELECT DISTINCT experiments, recommender, run, world_version, model_version FROM events
) AS found
INNER JOIN treatments ON treatments.experiments = found.experiments
INNER JOIN judged_treatments ON judged_treatments.treatment = treatments.treatment;

-- `file` is NULL for the `joined_files`, in which several logs follow each other: their lines have no
-- order to hold them to. `dropped_users` has those whose lines are left out by name.
CREATE VIEW judged AS
SELECT
    events.n, CASE WHEN joined_files.file IS NULL THEN events.file END AS file,
    events.message, events.timestamp, events.user_id, events.track, events.time,
    events.latency, events.session, events.recommendation, line_kinds.kind
FROM events
INNER JOIN line_kinds
    ON line_kinds.experiments = events.experiments
    AND line_kinds.recommender IS NOT DISTINCT FROM events.recommender
    AND line_kinds.run IS NOT DISTINCT FROM events.run
    AND line_kinds.world_version IS NOT DISTINCT FROM events.world_version
    AND line_kinds.model_version IS NOT DISTINCT FROM events.model_version
LEFT JOIN users_in_several ON users_in_several.user_id = events.user_id
LEFT JOIN joined_files ON joined_files.file = events.file
LEFT JOIN dropped_users ON dropped_users.user_id = events.user_id
LEFT JOIN repeated_lines
    ON repeated_lines.user_id = events.user_id
    AND repeated_lines.timestamp = events.timestamp
    AND repeated_lines.track = events.track
    AND repeated_lines.message = events.message
WHERE users_in_several.user_id IS NULL
    AND dropped_users.user_id IS NULL
    AND (repeated_lines.first_n IS NULL OR repeated_lines.first_n = events.n);

-- Cut into sessions, as sessions.sql has it. A line that stands later in its file than the one that
-- follows it in time was stamped by a clock that had gone backwards.
CREATE TABLE numbered_lines AS
SELECT
    *,
    COALESCE(
        SUM(CASE WHEN message = 'last' THEN 1 ELSE 0 END) OVER (
            PARTITION BY user_id, session ORDER BY timestamp, n
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        0
    ) AS part,
    CASE
        WHEN LAG(n) OVER (PARTITION BY user_id, session ORDER BY timestamp, n) > n
            AND LAG(file) OVER (PARTITION BY user_id, session ORDER BY timestamp, n) = file
            THEN 1
        ELSE 0
    END AS backwards
FROM judged;

CREATE VIEW judged_lines AS
SELECT
    numbered_lines.*, line_kinds.treatment, line_kinds.experiments, line_kinds.recommender,
    line_kinds.run, line_kinds.world_version, line_kinds.model_version
FROM numbered_lines
INNER JOIN line_kinds ON line_kinds.kind = numbered_lines.kind;
