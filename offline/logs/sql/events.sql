-- What every reader of the log fills: one row per line of the log, in the order of files and lines.
-- `fault` tells what is wrong with a line that is no event of the protocol: the field, or 'line' where
-- it has none of the fields. Everything else reads the view `events`, of lines without a fault.
-- makes: dated_ms, fault_of, integer_of, integer_text, lines, timestamp_ms, timestamp_unit, unit_code, user_digits, whole_number
CREATE TABLE lines (
    file INTEGER,           -- index into the list of files
    message VARCHAR,        -- 'next' or 'last'
    timestamp BIGINT,       -- ms since the epoch, UTC
    unit UTINYINT,          -- what it was in, by its size: 0 not known, 1 s, 2 ms, 3 µs, 4 ns
    user_id VARCHAR,        -- digits: a user id may be of any size
    track BIGINT,
    time DOUBLE,            -- share of the track that was played
    latency DOUBLE,         -- seconds in the handler; NULL where a `last` was not timed
    experiments VARCHAR,    -- JSON object {experiment: treatment}
    session VARCHAR,        -- this and what follows: NULL where the service does not log it
    recommendation BIGINT,  -- NULL for a `last` too
    recommender VARCHAR,    -- who answered
    propensity DOUBLE,      -- chance of this answer
    run VARCHAR,            -- of which start of the service: one config, its lists, its world
    world_version VARCHAR,
    model_version VARCHAR,  -- of the list or model that answers first
    fault VARCHAR
);

-- The macros are the rules of `contract.values`, `contract.ids` and `contract.timestamps`, and pass
-- their golden cases.

-- The whole number that a double holds exactly, or NULL.
CREATE MACRO whole_number(value) AS
    CASE
        WHEN value = TRUNC(value) AND value BETWEEN -9007199254740992 AND 9007199254740992
            THEN CAST(value AS BIGINT)
    END;

-- An integer's text, also of one that is written as 133.0 or 1.33e2; or NULL: a cast alone would
-- round 5.7.
CREATE MACRO integer_text(value) AS
    CASE
        WHEN regexp_full_match(value, '-?[0-9]+') THEN value
        ELSE CAST(whole_number(TRY_CAST(value AS DOUBLE)) AS VARCHAR)
    END;

-- The same for one that fits 64 bits; its own text again is what an integer is, and quicker to tell.
CREATE MACRO integer_of(value) AS
    CASE
        WHEN CAST(TRY_CAST(value AS BIGINT) AS VARCHAR) = value THEN TRY_CAST(value AS BIGINT)
        ELSE whole_number(TRY_CAST(value AS DOUBLE))
    END;

-- A user id that is given as text: digits, of which zeros in front do not count.
CREATE MACRO user_digits(value) AS
    CASE
        WHEN regexp_full_match(value, '[0-9]+') THEN COALESCE(NULLIF(LTRIM(value, '0'), ''), '0')
    END;

-- A timestamp comes as an integer, else as a double, else as ms of a date and time: `whole`, `broken`
-- and `dated`, of which one is not NULL.
CREATE MACRO unit_code(size) AS
    CASE
        WHEN size >= 1e11 AND size < 1e14 THEN 2  -- the usual one
        WHEN size < 1e9 THEN 0
        WHEN size < 2.5e9 THEN 1
        WHEN size < 1e11 THEN 0
        WHEN size < 1e17 THEN 3
        ELSE 4
    END;

CREATE MACRO timestamp_unit(whole, broken, dated) AS
    CASE
        WHEN whole IS NOT NULL THEN unit_code(ABS(CAST(whole AS DOUBLE)))
        WHEN dated IS NOT NULL THEN 2
        ELSE unit_code(ABS(broken))
    END;

CREATE MACRO timestamp_ms(whole, broken, dated) AS
    CASE
        WHEN whole IS NOT NULL
            THEN
                CASE unit_code(ABS(CAST(whole AS DOUBLE)))
                    WHEN 1 THEN whole * 1000
                    WHEN 3 THEN whole // 1000
                    WHEN 4 THEN whole // 1000000
                    ELSE whole
                END
        WHEN dated IS NOT NULL THEN dated
        WHEN ABS(broken) < 9223372036854775808.0
            THEN
                CASE unit_code(ABS(broken))
                    WHEN 1 THEN CAST(ROUND(broken * 1000) AS BIGINT)
                    WHEN 2 THEN CAST(TRUNC(broken) AS BIGINT)
                    WHEN 3 THEN CAST(TRUNC(broken / 1000) AS BIGINT)
                    WHEN 4 THEN CAST(ROUND(broken / 1e6) AS BIGINT)
                END
    END;

-- Of a text of ISO 8601 with date and time; UTC where it names no zone.
CREATE MACRO dated_ms(value) AS
    CASE
        WHEN regexp_full_match(
            value, '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?'
        ) THEN epoch_us(TRY_CAST(value AS TIMESTAMP)) // 1000
        WHEN regexp_full_match(
            value,
            '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?'
            || '(Z|[+-][0-9]{2}(:?[0-9]{2})?)'
        ) THEN epoch_us(TRY_CAST(value AS TIMESTAMPTZ)) // 1000
    END;

-- Which field of an event is wrong, NULL where none is, on values of the right type (NULL where the
-- type was wrong). `experiments` must be a JSON object of strings; null stands for "takes no part".
CREATE MACRO fault_of(
    empty, message, timestamp, user_id, track, time, latency, recommendation_is_bad, experiments
) AS
    CASE
        WHEN message IS NULL THEN CASE WHEN empty THEN 'line' ELSE 'message' END
        WHEN message NOT IN ('next', 'last') THEN 'message'
        WHEN timestamp IS NULL THEN 'timestamp'
        WHEN user_id IS NULL OR starts_with(user_id, '-') THEN 'user'
        WHEN track IS NULL OR track < 0 THEN 'track'
        WHEN time IS NULL OR NOT time BETWEEN 0 AND 1 THEN 'time'
        WHEN latency IS NULL AND message <> 'last' THEN 'latency'
        WHEN latency < 0 OR latency >= CAST('inf' AS DOUBLE) THEN 'latency'
        WHEN recommendation_is_bad THEN 'recommendation'
        WHEN experiments IS NULL OR NOT regexp_full_match(
            experiments,
            '\{("(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|null),?)*\}'
        ) THEN 'experiments'
    END;
