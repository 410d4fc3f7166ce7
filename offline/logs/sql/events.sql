-- The table that every reader of the log fills: one row per line, in the order of files and lines.
-- `fault` is the invalid field of a line that is no event of the protocol, or 'line' if it has none of
-- the fields. Everything else reads the view `events`, of lines without a fault.
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

-- The integer that equals a double, or NULL.
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

-- The same for 64-bit integers; comparing with the integer's own text is faster.
CREATE MACRO integer_of(value) AS
    CASE
        WHEN CAST(TRY_CAST(value AS BIGINT) AS VARCHAR) = value THEN TRY_CAST(value AS BIGINT)
        ELSE whole_number(TRY_CAST(value AS DOUBLE))
    END;

-- A user id given as text: digits, without leading zeros.
CREATE MACRO user_digits(value) AS
    CASE
        WHEN regexp_full_match(value, '[0-9]+') THEN COALESCE(NULLIF(LTRIM(value, '0'), ''), '0')
    END;

-- A timestamp is an integer, else a double, else the ms of a date and time: `whole`, `broken` and
-- `dated`, of which exactly one is not NULL.
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

-- From ISO 8601 text with date and time; UTC if it has no zone.
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

-- The invalid field of an event, or NULL; arguments have the right type (NULL where the type was
-- wrong). `experiments` must be a JSON object of strings; null means "not in the experiment".
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
