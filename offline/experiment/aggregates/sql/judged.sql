-- The lines under judgement: those of the experiment, each once. Of lines with the same user,
-- timestamp, track and message the first counts: whoever ships logs may send a line again.
-- Users in several treatments, and treatments that are not under study, are left out.
-- `treatments` maps each value of `experiments` to the treatment under study. `file` is NULL for the
-- `joined_files`, in which several logs follow each other: their lines have no order to hold them to.
-- `dropped_users` has those whose lines are left out by name.
-- needs: artists, dropped_users, events, joined_files, judged_treatments, treatments, users_in_several
-- makes: judged, judged_lines, judged_sessions
CREATE VIEW judged AS
SELECT
    events.n, CASE WHEN joined_files.file IS NULL THEN events.file END AS file,
    events.message, events.timestamp, events.user_id, events.track, events.time,
    events.latency, events.session, events.recommendation, events.recommender,
    events.experiments, events.run, events.world_version, events.model_version,
    treatments.treatment
FROM events
INNER JOIN treatments ON treatments.experiments = events.experiments
INNER JOIN judged_treatments ON judged_treatments.treatment = treatments.treatment
LEFT JOIN users_in_several ON users_in_several.user_id = events.user_id
LEFT JOIN joined_files ON joined_files.file = events.file
LEFT JOIN dropped_users ON dropped_users.user_id = events.user_id
WHERE users_in_several.user_id IS NULL
    AND dropped_users.user_id IS NULL
    AND events.n IN (SELECT MIN(n) FROM events GROUP BY user_id, timestamp, track, message);

-- Cut into sessions, as sessions.sql has it. A line that stands later in its file than the one that
-- follows it in time was stamped by a clock that had gone backwards.
CREATE TABLE judged_lines AS
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

-- `artists` has the artist of each track, and no row where no catalog was given.
CREATE TABLE judged_sessions AS
SELECT
    judged_lines.user_id,
    MIN(judged_lines.treatment) AS treatment,
    MAX(CASE WHEN judged_lines.message = 'last' THEN 1 ELSE 0 END) AS finished,
    COUNT(*) AS length,
    COUNT(*) - COUNT(DISTINCT judged_lines.track) AS repeats,
    COUNT(DISTINCT artists.artist) AS artists,
    MIN(judged_lines.timestamp) AS started,
    MAX(judged_lines.timestamp) AS ended,
    SUM(judged_lines.time) AS total_time
FROM judged_lines
LEFT JOIN artists ON artists.track = judged_lines.track
GROUP BY judged_lines.user_id, judged_lines.session, judged_lines.part;
