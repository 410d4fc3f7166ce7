"""Ids of accounts are apart from ids of people who were loaded from a data set."""

from django.db import connections

# Ids below this one belong to loaded people, who have ratings and no account.
FIRST_ACCOUNT_ID = 1_000_000_000


def reserve_loaded_ids(using: str) -> None:
    """Give the next account in database `using` FIRST_ACCOUNT_ID or a higher id; repeatable."""
    connection = connections[using]
    if "people_user" not in connection.introspection.table_names():
        return
    last = FIRST_ACCOUNT_ID - 1
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "DELETE FROM sqlite_sequence WHERE name = 'people_user' AND seq < %s", [last]
            )
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT 'people_user', %s "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'people_user')",
                [last],
            )
        elif connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_serial_sequence('people_user', 'id')")
            sequence = cursor.fetchone()[0]
            cursor.execute(
                f"SELECT setval('{sequence}', GREATEST(%s, (SELECT last_value FROM {sequence})))",
                [last],
            )
        else:
            cursor.execute(
                "SELECT auto_increment FROM information_schema.tables "
                "WHERE table_schema = DATABASE() AND table_name = 'people_user'"
            )
            # Only where it is needed: MariaDB commits the transaction around an ALTER TABLE.
            if (cursor.fetchone()[0] or 0) <= last:
                cursor.execute(f"ALTER TABLE people_user AUTO_INCREMENT = {last + 1}")
