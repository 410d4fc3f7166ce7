"""What is asked of items: categories and prices, which the scripts compare."""

from typing import NamedTuple


class ItemFilter(NamedTuple):
    """Items without a category or a price that is asked for are not inside."""

    categories: frozenset[str] = frozenset()
    """Ids of categories; empty: any."""
    least: float | None = None
    """Price."""
    most: float | None = None

    def arguments(self) -> tuple[str, str, str]:
        """As shop_lists.lua reads them.

        >>> ItemFilter(frozenset(["lamps"]), least=9.5).arguments()
        ('lamps\\n', '9.5', '')
        """
        return (
            "".join([f"{category}\n" for category in sorted(self.categories)]),
            "" if self.least is None else repr(self.least),
            "" if self.most is None else repr(self.most),
        )


ANY_ITEM = ItemFilter()
