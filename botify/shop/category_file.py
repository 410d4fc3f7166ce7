"""The file of a shop's categories, as RetailRocket's `category_tree.csv` is."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from botify.errors import InputError
from botify.files.reading import as_input_errors, open_regular
from contract.categories import parse_tree
from contract.errors import FormatError


def all_below(above: Mapping[str, str | None]) -> dict[str, frozenset[str]]:
    """Each category with all below it; `above`: the category above each.

    >>> sorted(all_below({"lamps": "home", "home": None})["home"])
    ['home', 'lamps']
    """
    below: defaultdict[str, set[str]] = defaultdict(set)
    for category in above:
        higher: str | None = category
        while higher is not None:
            below[higher].add(category)
            higher = above.get(higher)
    return {category: frozenset(each) for category, each in below.items()}


def read_categories(path: Path | None) -> Mapping[str, str | None]:
    """The category above each; none without a file.

    Its first line names two columns, the second one is that of the category above, which may be
    empty. Raises InputError.
    """
    if path is None:
        return {}
    with as_input_errors(path), open_regular(path) as file:
        try:
            header, *rows = [*csv.reader(file.read().decode("utf-8-sig").splitlines())] or [[]]
        except (UnicodeDecodeError, csv.Error, ValueError) as error:
            raise InputError(f"{path}: not CSV in UTF-8: {error}") from error
    if len(header) != 2:
        raise InputError(f"{path}: expected two columns, the category and the one above it")
    for number, row in enumerate(rows, 2):
        if len(row) != 2:
            raise InputError(f"{path}:{number}: expected two columns")
    try:
        return parse_tree((category, parent) for category, parent in rows)
    except FormatError as error:
        raise InputError(f"{path}: {error}") from error
