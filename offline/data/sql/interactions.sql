-- What training reads. A user id beyond 64 bits has no place in its tables: such users are counted
-- and left out.
-- needs: events, plays
-- makes: known_plays, known_users, numbered_users
CREATE VIEW known_plays AS
SELECT
    CAST(user_id AS BIGINT) AS listener,
    CAST(session AS INTEGER) AS session,
    CAST(position AS INTEGER) AS position,
    track,
    time,
    timestamp
FROM plays
WHERE TRY_CAST(user_id AS BIGINT) IS NOT NULL;

CREATE VIEW known_users AS
SELECT DISTINCT CAST(user_id AS BIGINT) AS listener
FROM events
WHERE TRY_CAST(user_id AS BIGINT) IS NOT NULL;

CREATE VIEW numbered_users AS
SELECT listener, CAST(ROW_NUMBER() OVER (ORDER BY listener) - 1 AS BIGINT) AS number
FROM known_users;
