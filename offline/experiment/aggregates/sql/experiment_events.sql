-- The lines under judgement: those of the experiment, each once. Of lines with the same user,
-- timestamp, track and message the first counts: whoever ships logs may send a line again.
-- Users in several treatments, and treatments that are not under study, are left out.
-- needs: compared_treatments, dropped_users, events, joined_files, treatments, users_in_several
-- makes: event_kinds, experiment_events, numbered_events, repeated_events, selected_events
CREATE TABLE repeated_events AS
SELECT user_id, timestamp, track, message, MIN(n) AS first_n
FROM events
GROUP BY user_id, timestamp, track, message
HAVING COUNT(*) > 1;

-- What many lines have in common becomes a number: texts are what takes room and time to sort.
-- `treatments` maps each value of `experiments` to the treatment under study.
CREATE TABLE event_kinds AS
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
INNER JOIN compared_treatments ON compared_treatments.treatment = treatments.treatment;

-- `file` is NULL for the `joined_files`, in which several logs follow each other: their lines have no
-- order to hold them to. `dropped_users` has those whose lines are left out by name.
CREATE VIEW selected_events AS
SELECT
    events.n, CASE WHEN joined_files.file IS NULL THEN events.file END AS file,
    events.message, events.timestamp, events.user_id, events.track, events.time,
    events.latency, events.session, events.recommendation, event_kinds.kind
FROM events
INNER JOIN event_kinds
    ON event_kinds.experiments = events.experiments
    AND event_kinds.recommender IS NOT DISTINCT FROM events.recommender
    AND event_kinds.run IS NOT DISTINCT FROM events.run
    AND event_kinds.world_version IS NOT DISTINCT FROM events.world_version
    AND event_kinds.model_version IS NOT DISTINCT FROM events.model_version
LEFT JOIN users_in_several ON users_in_several.user_id = events.user_id
LEFT JOIN joined_files ON joined_files.file = events.file
LEFT JOIN dropped_users ON dropped_users.user_id = events.user_id
LEFT JOIN repeated_events
    ON repeated_events.user_id = events.user_id
    AND repeated_events.timestamp = events.timestamp
    AND repeated_events.track = events.track
    AND repeated_events.message = events.message
WHERE users_in_several.user_id IS NULL
    AND dropped_users.user_id IS NULL
    AND (repeated_events.first_n IS NULL OR repeated_events.first_n = events.n);

-- Cut into sessions, as sessions.sql has it. A line that stands later in its file than the one that
-- follows it in time was stamped by a clock that had gone backwards. `gap_ms` is the time since the line
-- before in the session, NULL where there is none or it is a `last`.
CREATE TABLE numbered_events AS
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
    END AS backwards,
    timestamp - LAG(CASE WHEN message = 'next' THEN timestamp END) OVER (
        PARTITION BY user_id, session ORDER BY timestamp, n
    ) AS gap_ms,
    LAG(recommendation) OVER (PARTITION BY user_id, session ORDER BY timestamp, n)
        AS previous_recommendation
FROM selected_events;

CREATE VIEW experiment_events AS
SELECT
    numbered_events.*, event_kinds.treatment, event_kinds.experiments, event_kinds.recommender,
    event_kinds.run, event_kinds.world_version, event_kinds.model_version
FROM numbered_events
INNER JOIN event_kinds ON event_kinds.kind = numbered_events.kind;
