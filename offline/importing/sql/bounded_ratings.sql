-- Ratings within bounds, for PostgreSQL, DuckDB and SQLite alike. Names in braces are put in as the
-- database quotes them, bounds as its parameters. Tables of these names would be hidden.

-- part: source
WITH botify_rows AS (
    SELECT
        {user_column} AS rater, {item_column} AS item, {value_column} AS value,
        {time_column} AS moment, {kind_column} AS kind, {title_column} AS title
    FROM {relation}
),
-- Both counts are of the whole table: a bound does not see what the other leaves out.
botify_items AS (SELECT item, COUNT(*) AS n FROM botify_rows WHERE item IS NOT NULL GROUP BY item),
botify_users AS (SELECT rater, COUNT(*) AS n FROM botify_rows WHERE rater IS NOT NULL GROUP BY rater),
botify_bounded AS (
    SELECT ratings.*
    FROM botify_rows AS ratings
    JOIN botify_items AS item_counts ON item_counts.item = ratings.item
    JOIN botify_users AS user_counts ON user_counts.rater = ratings.rater
    WHERE item_counts.n > {over_users} AND user_counts.n >= {least_items}
        AND user_counts.n <= {most_items}
)

-- part: ratings
SELECT rater, item, {value} AS value{more}
FROM botify_bounded
GROUP BY rater, item, kind
ORDER BY rater, item, kind
{limit}

-- part: pairs
SELECT COUNT(*)
FROM (SELECT DISTINCT rater, item, kind FROM botify_bounded) AS distinct_pairs

-- part: rows
SELECT
    COUNT(*), SUM(CASE WHEN rater IS NULL OR item IS NULL THEN 1 ELSE 0 END),
    SUM(CASE WHEN value IS NULL THEN 1 ELSE 0 END)
FROM botify_rows AS ratings

-- part: users
SELECT
    COUNT(*), MAX(n), MIN(n),
    SUM(CASE WHEN kept > 0 THEN 1 ELSE 0 END), SUM(kept),
    SUM(CASE WHEN kept > 0 AND n >= {least_items} THEN 1 ELSE 0 END),
    SUM(CASE WHEN n >= {least_items} THEN kept ELSE 0 END),
    SUM(CASE WHEN kept > 0 AND n >= {least_items} AND n <= {most_items} THEN 1 ELSE 0 END),
    SUM(CASE WHEN n >= {least_items} AND n <= {most_items} THEN kept ELSE 0 END)
FROM (
    SELECT
        ratings.rater, COUNT(*) AS n,
        SUM(CASE WHEN item_counts.n > {over_users} THEN 1 ELSE 0 END) AS kept
    FROM botify_rows AS ratings
    LEFT JOIN botify_items AS item_counts ON item_counts.item = ratings.item
    WHERE ratings.rater IS NOT NULL
    GROUP BY ratings.rater
) AS counted

-- part: items
SELECT
    COUNT(*), MAX(n),
    SUM(CASE WHEN n > {over_users} AND known > 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN n > {over_users} AND busy > 0 THEN 1 ELSE 0 END),
    SUM(CASE WHEN n > {over_users} AND kept > 0 THEN 1 ELSE 0 END)
FROM (
    SELECT
        ratings.item, COUNT(*) AS n, COUNT(ratings.rater) AS known,
        SUM(CASE WHEN user_counts.n >= {least_items} THEN 1 ELSE 0 END) AS busy,
        SUM(CASE WHEN user_counts.n >= {least_items} AND user_counts.n <= {most_items}
            THEN 1 ELSE 0 END) AS kept
    FROM botify_rows AS ratings
    LEFT JOIN botify_users AS user_counts ON user_counts.rater = ratings.rater
    WHERE ratings.item IS NOT NULL
    GROUP BY ratings.item
) AS counted

-- part: types
SELECT
    SUM(odd), MIN(CASE WHEN odd = 1 THEN value END),
    SUM(typeof(rater) = 'text'), SUM(typeof(rater) IN ('integer', 'real')),
    SUM(typeof(item) = 'text'), SUM(typeof(item) IN ('integer', 'real'))
FROM (
    SELECT
        rater, item, value,
        CASE
            WHEN value IS NULL OR typeof(value) IN ('integer', 'real') OR is_number(value) THEN 0
            ELSE 1
        END AS odd
    FROM botify_rows AS ratings
) AS typed
