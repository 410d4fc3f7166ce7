-- What an id or a time of somebody's data is, which comes as text; uses is_none of table_values.sql.
-- makes: as_time_ms, id_form, time_class
-- An id: 1 a whole number, 2 one that is written 12.0, 4 one beyond 64 bits, or beyond
-- the digits that a number with a point keeps, 3 other text; NULL where there is none.
CREATE MACRO id_form(v) AS
    CASE
        WHEN is_none(v) THEN NULL
        WHEN regexp_full_match(TRIM(v), '0|-?[1-9][0-9]*')
            THEN CASE WHEN TRY_CAST(TRIM(v) AS BIGINT) IS NULL THEN 4 ELSE 1 END
        WHEN regexp_full_match(TRIM(v), '0[.]0+|-?[1-9][0-9]{0,14}[.]0+') THEN 2
        WHEN regexp_full_match(TRIM(v), '-?[1-9][0-9]{15,}[.]0+') THEN 4
        ELSE 3
    END;

-- A time: its unit by its size, or 'date'; 'none'; 'small' for a number whose size tells no unit.
CREATE MACRO time_class(v) AS
    CASE
        WHEN is_none(v) THEN 'none'
        WHEN TRY_CAST(TRIM(v) AS DOUBLE) IS NOT NULL
            THEN
                CASE
                    WHEN TRY_CAST(TRIM(v) AS DOUBLE) = 0 THEN 'none'
                    WHEN TRY_CAST(TRIM(v) AS DOUBLE) BETWEEN 0 AND 1e8 THEN 'small'
                    WHEN TRY_CAST(TRIM(v) AS DOUBLE) BETWEEN 1e8 AND 1e10 THEN 's'
                    WHEN TRY_CAST(TRIM(v) AS DOUBLE) BETWEEN 1e11 AND 1e13 THEN 'ms'
                    WHEN TRY_CAST(TRIM(v) AS DOUBLE) BETWEEN 1e14 AND 1e16 THEN 'us'
                    WHEN TRY_CAST(TRIM(v) AS DOUBLE) BETWEEN 1e17 AND 1e19 THEN 'ns'
                    ELSE 'other'
                END
        WHEN TRY_CAST(TRIM(v) AS TIMESTAMPTZ) IS NOT NULL THEN 'date'
        ELSE 'other'
    END;

CREATE MACRO as_time_ms(v, unit) AS
    CASE unit
        WHEN 's' THEN TRY_CAST(ROUND(TRY_CAST(TRIM(v) AS DOUBLE) * 1000) AS BIGINT)
        WHEN 'ms' THEN TRY_CAST(FLOOR(TRY_CAST(TRIM(v) AS DOUBLE)) AS BIGINT)
        WHEN 'us' THEN TRY_CAST(FLOOR(TRY_CAST(TRIM(v) AS DOUBLE) / 1000) AS BIGINT)
        WHEN 'ns' THEN TRY_CAST(FLOOR(TRY_CAST(TRIM(v) AS DOUBLE) / 1000000) AS BIGINT)
        WHEN 'date' THEN epoch_ms(TRY_CAST(TRIM(v) AS TIMESTAMPTZ))
    END;
