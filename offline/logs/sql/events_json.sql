-- JSON Lines as rows of `lines`, with `shown`: the text of the invalid field. Each field is read as its
-- JSON text, so that 5, 5.5 and "5" differ and a user of 10^30 keeps every digit; names are read as
-- plain text, without quotes. A line that is no JSON object becomes a row of NULLs; blank lines are
-- skipped.
WITH texts AS (
    SELECT
        $first_file + file_index AS file,
        CAST(message AS VARCHAR) AS message,
        CAST(timestamp AS VARCHAR) AS timestamp,
        CAST("user" AS VARCHAR) AS "user",
        CAST(track AS VARCHAR) AS track,
        CAST(time AS VARCHAR) AS time,
        CAST(latency AS VARCHAR) AS latency,
        CAST(experiments AS VARCHAR) AS experiments,
        session,
        CAST(recommendation AS VARCHAR) AS recommendation,
        recommender,
        TRY_CAST(CAST(propensity AS VARCHAR) AS DOUBLE) AS propensity,
        run,
        world_version,
        model_version
    FROM read_json(
        $files, columns = $columns, compression = $compression,
        format = 'newline_delimited', ignore_errors = true
    )
),

-- Values of null are missing here; pandas writes NaN for them.
typed AS (
    SELECT
        *,
        integer_of(timestamp) AS whole,
        integer_of(recommendation) AS recommended,
        -- A latency that is no number becomes -1, which is rejected; NULL means that there is none.
        CASE
            WHEN latency IS NOT NULL AND latency <> 'NaN'
                THEN COALESCE(TRY_CAST(latency AS DOUBLE), -1)
        END AS seconds,
        CASE
            WHEN NOT starts_with(experiments, '"') THEN experiments
            WHEN json_valid(experiments ->> '$') THEN CAST(json(experiments ->> '$') AS VARCHAR)
        END AS assigned
    FROM texts
),

events AS (
    SELECT
        *,
        CASE message WHEN '"next"' THEN 'next' WHEN '"last"' THEN 'last' END AS kind,
        timestamp_ms(
            whole, TRY_CAST(timestamp AS DOUBLE), dated_ms(TRIM(timestamp, '"'))
        ) AS ms,
        timestamp_unit(
            whole, TRY_CAST(timestamp AS DOUBLE), dated_ms(TRIM(timestamp, '"'))
        ) AS unit,
        integer_text("user") AS user_id,
        integer_of(track) AS played,
        TRY_CAST(time AS DOUBLE) AS share
    FROM typed
),

judged AS (
    SELECT
        *,
        fault_of(
            COALESCE(
                message, timestamp, "user", track, time, latency, experiments, recommendation
            ) IS NULL,
            kind, ms, user_id, played, share, seconds,
            recommendation IS NOT NULL AND recommendation <> 'NaN' AND recommended IS NULL,
            assigned
        ) AS fault
    FROM events
)

SELECT
    file, kind AS message, ms AS timestamp, unit, user_id, played AS track, share AS time,
    seconds AS latency, assigned AS experiments, session, recommended AS recommendation,
    recommender, propensity, run, world_version, model_version, fault,
    CASE fault
        WHEN 'message' THEN message
        WHEN 'timestamp' THEN timestamp
        WHEN 'user' THEN "user"
        WHEN 'track' THEN track
        WHEN 'time' THEN time
        WHEN 'latency' THEN latency
        WHEN 'recommendation' THEN recommendation
        WHEN 'experiments' THEN experiments
    END AS shown
FROM judged
