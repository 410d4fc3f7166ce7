"""What the rows know about a person."""

from dataclasses import dataclass
from functools import cached_property

from web.ratings.models import Dismissal, Interaction


@dataclass(frozen=True)
class Person:
    """A person's ratings by item, and items that are not wanted."""

    user_id: int
    ratings: dict[int, float]
    unwanted: set[int]

    @cached_property
    def mean(self) -> float:
        """The mean of the ratings; 0 where there are none."""
        return sum(self.ratings.values()) / len(self.ratings) if self.ratings else 0.0

    @cached_property
    def hidden(self) -> set[int]:
        """What a row of new items leaves out."""
        return self.unwanted | self.ratings.keys()


def load_person(user_id: int) -> Person:
    """Read both from the database."""
    mine = Interaction.objects.filter(user_id=user_id).values_list("item_id", "rating")
    unwanted = Dismissal.objects.filter(user_id=user_id, kind=Dismissal.Kind.NOT_INTERESTED)
    return Person(user_id, dict(mine), set(unwanted.values_list("item_id", flat=True)))
