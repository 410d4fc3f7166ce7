"""Items that are like an item, by each matrix."""

from typing import NamedTuple

from web.catalog.models import Item
from web.recommendations.cells import described, nearest
from web.recommendations.models import SimilarityMatrix

SHOWN = 12


class Similar(NamedTuple):
    """What one matrix says: items with their similarity, the nearest first."""

    matrix: SimilarityMatrix
    items: list[tuple[Item, float]]
    source: str


def similar_items(item: Item) -> list[Similar]:
    """The nearest items by each published matrix that knows the item."""
    found = []
    matrices = SimilarityMatrix.objects.filter(
        type=SimilarityMatrix.Type.ITEM_TO_ITEM, version__gt=0
    )
    for matrix in matrices:
        values = nearest(matrix, [item.pk], SHOWN).get(item.pk, {})
        items = Item.objects.in_bulk(list(values))
        if items:
            known = [(items[id_], value) for id_, value in values.items() if id_ in items]
            found.append(Similar(matrix, known, described(matrix)))
    return found
