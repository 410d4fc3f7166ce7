-- What every reader of the log fills: one row per line of the log, in the order of files and lines.
-- `usable` is false on a line that is no event of the protocol; everything else reads the view.
CREATE TABLE lines (
    file INTEGER,           -- index into the list of files
    message VARCHAR,        -- 'next' or 'last'
    timestamp BIGINT,       -- ms since the epoch, UTC
    user_id VARCHAR,        -- digits: a user id may be of any size
    track BIGINT,
    time DOUBLE,            -- share of the track that was played
    latency DOUBLE,         -- seconds in the handler; NULL where a `last` was not timed
    experiments VARCHAR,    -- JSON object {experiment: treatment}
    session VARCHAR,        -- this and what follows: NULL where the service does not log it
    recommendation BIGINT,  -- NULL for a `last` too
    recommender VARCHAR,    -- who answered
    propensity DOUBLE,      -- chance of this answer
    usable BOOLEAN
);

CREATE VIEW events AS
SELECT
    rowid AS n, file, message, timestamp, user_id, track, time, latency, experiments, session,
    recommendation, recommender, propensity
FROM lines
WHERE usable;

-- An integer's text, or NULL: a cast alone would round 5.7 and take 1e3.
CREATE MACRO integer_text(value) AS
    CASE WHEN regexp_full_match(value, '-?[0-9]+') THEN value END;

-- The rule of what an event is, on values of the right type (NULL where the type was wrong).
-- `experiments` must be a JSON object of strings; null stands for "takes no part".
CREATE MACRO is_event(message, timestamp, user_id, track, time, latency, experiments) AS
    COALESCE(
        message IN ('next', 'last')
        AND timestamp IS NOT NULL
        AND regexp_full_match(user_id, '[0-9]+')
        AND track >= 0
        AND time BETWEEN 0 AND 1
        AND CASE
            WHEN latency IS NULL THEN message = 'last'
            ELSE latency >= 0 AND latency < CAST('inf' AS DOUBLE)
        END
        AND regexp_full_match(
            experiments,
            '\{("(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|null),?)*\}'
        ),
        FALSE
    );
