-- What a value of somebody's table is, which comes as text: nothing, a number, an id, a moment.
-- makes: is_none, moment_ms, number_of, plain_id, plain_number
CREATE MACRO is_none(v) AS
    v IS NULL OR TRIM(v) = '' OR LOWER(TRIM(v)) IN ('nan', 'na', 'n/a', 'null', 'none', 'nat');
CREATE MACRO number_of(v) AS TRY_CAST(v AS DOUBLE);
CREATE MACRO plain_number(v) AS
    CASE
        WHEN regexp_full_match(
            TRIM(v), '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?'
        ) AND isfinite(number_of(TRIM(v))) THEN number_of(TRIM(v))
        WHEN LOWER(TRIM(v)) IN ('true', 'yes', 't', 'y') THEN 1.0
        WHEN LOWER(TRIM(v)) IN ('false', 'no', 'f', 'n') THEN 0.0
    END;
CREATE MACRO plain_id(v) AS
    CASE WHEN is_none(v) THEN NULL WHEN regexp_full_match(v, '-?[0-9]+[.]0+')
        THEN regexp_replace(v, '[.]0+$', '') ELSE TRIM(v) END;
CREATE MACRO moment_ms(v) AS
    CASE
        WHEN regexp_full_match(TRIM(v), '[0-9]+([.][0-9]*)?') THEN
            CASE
                WHEN number_of(v) BETWEEN 1e9 AND 2.5e9 THEN CAST(number_of(v) * 1e3 AS BIGINT)
                WHEN number_of(v) BETWEEN 1e11 AND 1e14 THEN CAST(number_of(v) AS BIGINT)
                WHEN number_of(v) BETWEEN 1e14 AND 1e17 THEN CAST(number_of(v) / 1e3 AS BIGINT)
                WHEN number_of(v) BETWEEN 1e17 AND 9e18 THEN CAST(number_of(v) / 1e6 AS BIGINT)
            END
        WHEN regexp_full_match(TRIM(v), '.*[0-9]:[0-9]{2}.*(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)')
            THEN epoch_ms(TRY_CAST(TRIM(v) AS TIMESTAMPTZ))
        ELSE epoch_ms(TRY_CAST(TRIM(v) AS TIMESTAMP))
    END;
