-- The table `lines` of the log of a shop, in the place of that of events.sql, whose macros it uses:
-- one row per line, in the order of files and lines. `fault` says in words what is invalid of a line
-- that is none of the log, or is 'line' if it has none of the fields.
-- makes: lines, shop_fault_of
DROP TABLE lines;
CREATE TABLE lines (
    file INTEGER,
    message VARCHAR,        -- 'event', 'recommend' or 'item'
    timestamp BIGINT,       -- ms since the epoch, UTC
    unit UTINYINT,          -- as in events.sql
    user_id VARCHAR,        -- as its owner has it
    item VARCHAR,
    event VARCHAR,          -- the kind: 'view', 'addtocart', 'transaction' ...
    id VARCHAR,             -- of an event; one that was sent again has the same
    price DOUBLE,
    quantity DOUBLE,
    value DOUBLE,
    latency DOUBLE,         -- of an answer, seconds in the handler
    experiments VARCHAR,    -- of an answer, JSON object {experiment: treatment}
    session VARCHAR,
    request VARCHAR,        -- of an answer its id; of an event the id of the answer it followed
    k BIGINT,               -- items that were asked for
    shown_items BIGINT,     -- items that were answered
    recommender VARCHAR,
    run VARCHAR,
    model_version VARCHAR,
    fault VARCHAR
);

CREATE MACRO shop_fault_of(
    empty, message, timestamp, user_id, item, event, latency, experiments
) AS
    CASE
        WHEN empty THEN 'line'
        WHEN message IS NULL OR message NOT IN ('event', 'recommend', 'item')
            THEN 'no `message`, or not "event", "recommend" or "item"'
        WHEN timestamp IS NULL THEN 'no `timestamp`, or not an integer (ms since the epoch)'
        WHEN message = 'item' THEN NULL
        WHEN user_id IS NULL THEN 'no `user`'
        WHEN message = 'event' AND item IS NULL THEN 'no `item`'
        WHEN message = 'event' AND event IS NULL THEN 'no `event`'
        WHEN message = 'event' THEN NULL
        WHEN latency IS NULL OR latency < 0 OR latency >= CAST('inf' AS DOUBLE)
            THEN 'no `latency`, or not a number of seconds, 0 or more'
        WHEN experiments IS NULL OR NOT regexp_full_match(
            experiments,
            '\{("(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|null),?)*\}'
        ) THEN 'no `experiments`, or not an object {experiment: treatment}'
    END;
