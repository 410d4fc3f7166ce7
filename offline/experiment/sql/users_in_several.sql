-- Whom the experiment treated how: a user who was in several treatments tells about none of them.
CREATE TABLE treatment_users AS
SELECT events.user_id, treatments.treatment, COUNT(*) AS lines
FROM events
INNER JOIN treatments ON treatments.experiments = events.experiments
GROUP BY events.user_id, treatments.treatment;

CREATE TABLE users_in_several AS
SELECT user_id
FROM treatment_users
GROUP BY user_id
HAVING COUNT(*) > 1;
