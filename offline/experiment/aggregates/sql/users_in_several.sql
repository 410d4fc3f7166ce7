-- Whom the experiment treated how: a user who was in several treatments tells about none of them.
-- needs: dropped_users, events, treatments
-- makes: treatment_users, users_in_several
CREATE TABLE treatment_users AS
SELECT events.user_id, treatments.treatment, COUNT(*) AS lines
FROM events
INNER JOIN treatments ON treatments.experiments = events.experiments
LEFT JOIN dropped_users ON dropped_users.user_id = events.user_id
WHERE dropped_users.user_id IS NULL
GROUP BY events.user_id, treatments.treatment;

CREATE TABLE users_in_several AS
SELECT user_id
FROM treatment_users
GROUP BY user_id
HAVING COUNT(*) > 1;
