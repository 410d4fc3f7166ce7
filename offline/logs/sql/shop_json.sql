-- JSON Lines of a shop as rows of `lines`, with `shown`: NULL, as the fault is in words. As
-- events_json.sql, which has the log of music.
WITH texts AS (
    SELECT
        $first_file + file_index AS file,
        TRIM(CAST(message AS VARCHAR), '"') AS message,
        CAST(timestamp AS VARCHAR) AS timestamp,
        "user" ->> '$' AS user_id,
        item ->> '$' AS item,
        event,
        id,
        TRY_CAST(CAST(price AS VARCHAR) AS DOUBLE) AS price,
        TRY_CAST(CAST(quantity AS VARCHAR) AS DOUBLE) AS quantity,
        TRY_CAST(CAST(value AS VARCHAR) AS DOUBLE) AS value,
        CASE
            WHEN latency IS NOT NULL
                THEN COALESCE(TRY_CAST(CAST(latency AS VARCHAR) AS DOUBLE), -1)
        END AS latency,
        CAST(experiments AS VARCHAR) AS experiments,
        session,
        request,
        integer_of(CAST(k AS VARCHAR)) AS k,
        CAST(json_array_length(items) AS BIGINT) AS shown_items,
        recommender,
        run,
        model_version
    FROM read_json(
        $files, columns = $columns, compression = $compression,
        format = 'newline_delimited', ignore_errors = true
    )
),

typed AS (
    SELECT
        * EXCLUDE (timestamp),
        timestamp_ms(
            integer_of(timestamp), TRY_CAST(timestamp AS DOUBLE), dated_ms(TRIM(timestamp, '"'))
        ) AS ms,
        timestamp_unit(
            integer_of(timestamp), TRY_CAST(timestamp AS DOUBLE), dated_ms(TRIM(timestamp, '"'))
        ) AS unit,
        COALESCE(message, timestamp, user_id, item, event) IS NULL AS is_empty
    FROM texts
)

SELECT
    file, message, ms AS timestamp, unit, user_id, item, event, id, price, quantity, value,
    latency, experiments, session, request, k, shown_items, recommender, run, model_version,
    shop_fault_of(
        is_empty, message, ms, user_id, item, event, latency, experiments
    ) AS fault,
    CAST(NULL AS VARCHAR) AS shown
FROM typed
