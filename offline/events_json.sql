-- JSON Lines -> lines. Each field arrives as its JSON text, so that 5, 5.0 and "5" differ and a user
-- of 10^30 keeps every digit. A line that is no JSON object arrives as a row of NULLs; blank lines do
-- not arrive.
INSERT INTO lines
WITH texts AS (
    SELECT
        $first_file + file_index AS file,
        CASE message WHEN '"next"' THEN 'next' WHEN '"last"' THEN 'last' END AS message,
        TRY_CAST(integer_text(CAST(timestamp AS VARCHAR)) AS BIGINT) AS timestamp,
        integer_text(CAST("user" AS VARCHAR)) AS user_id,
        TRY_CAST(integer_text(CAST(track AS VARCHAR)) AS BIGINT) AS track,
        TRY_CAST(CAST(time AS VARCHAR) AS DOUBLE) AS time,
        -- A latency that is no number becomes -1, which is refused: NULL has its own meaning.
        CASE
            WHEN latency IS NOT NULL
                THEN COALESCE(TRY_CAST(CAST(latency AS VARCHAR) AS DOUBLE), -1)
        END AS latency,
        CAST(experiments AS VARCHAR) AS experiments,
        CAST(session AS VARCHAR) AS session,
        TRY_CAST(integer_text(CAST(recommendation AS VARCHAR)) AS BIGINT) AS recommendation,
        recommender ->> '$' AS recommender,
        TRY_CAST(CAST(propensity AS VARCHAR) AS DOUBLE) AS propensity,
        recommendation IS NULL OR integer_text(CAST(recommendation AS VARCHAR)) IS NOT NULL
            AS well_typed
    FROM read_json(
        $files, columns = $columns, compression = $compression,
        format = 'newline_delimited', ignore_errors = true
    )
)
SELECT
    * EXCLUDE (well_typed),
    well_typed AND is_event(message, timestamp, user_id, track, time, latency, experiments)
FROM texts
