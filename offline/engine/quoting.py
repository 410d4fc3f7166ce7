"""Quoting of names and literals in SQL where parameters are not allowed."""


def quoted(name: str) -> str:
    """A name of a table or a column, such as one with a space.

    >>> quoted("of a user")
    '"of a user"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, of which each apostrophe is written twice.

    >>> literal("C")
    "'C'"
    """
    return "'" + text.replace("'", "''") + "'"
