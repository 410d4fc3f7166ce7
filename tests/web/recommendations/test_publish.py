"""Publishing: all of a version is read, or nothing of it; and back again."""

from collections.abc import Callable
from typing import Any

import pytest

from web.people.removal import remove_ratings
from web.ratings.models import Interaction
from web.recommendations.models import (
    MatrixVersion,
    Recommender,
    SimilarityMatrix,
    SimilarityMatrixCell,
)
from web.recommendations.publish import (
    PublishError,
    next_version,
    publish,
    remove_cells,
    rollback,
)


@pytest.fixture
def svd(db: None) -> Recommender:
    made = [SimilarityMatrix.objects.create(name=f"svd-{t}", type=t) for t in (1, 2)]
    return Recommender.objects.create(
        name="SVD", type=3, user_similarity_matrix=made[0], item_similarity_matrix=made[1]
    )


def write(recommender: Recommender, version: int, *kinds: str) -> None:
    for kind in kinds or ("user", "item"):
        matrix = getattr(recommender, f"{kind}_similarity_matrix")
        SimilarityMatrixCell.objects.bulk_create(
            SimilarityMatrixCell(matrix=matrix, version=version, row=1, column=n, value=0.5)
            for n in (2, 3)
        )


def versions() -> list[int]:
    return list(SimilarityMatrix.objects.order_by("type").values_list("version", flat=True))


def stored() -> set[int]:
    return set(SimilarityMatrixCell.objects.values_list("version", flat=True))


def test_both_matrices_switch_together(svd: Recommender) -> None:
    write(svd, 1)
    done = publish(svd, 1)
    assert (done.version, done.before, done.cells) == (1, 0, {"svd-1": 2, "svd-2": 2})
    assert versions() == [1, 1]
    assert publish(svd, 1).before == 1  # again: nothing changes
    assert MatrixVersion.objects.count() == 2


def test_half_a_version_is_refused(svd: Recommender) -> None:
    write(svd, 1, "user")
    with pytest.raises(PublishError, match="svd-2 has no cells of version 1"):
        publish(svd, 1)
    write(svd, 1, "item")
    with pytest.raises(PublishError, match="svd-1 has 2 cells of version 1, not the 3"):
        publish(svd, 1, cells={"svd-1": 3})
    with pytest.raises(PublishError, match="no matrix nmf"):
        publish(svd, 1, cells={"nmf": 3})
    assert versions() == [0, 0]
    publish(svd, 1, cells={"svd-1": 2, "svd-2": 2})
    assert versions() == [1, 1]


def test_what_stops_the_switch_stops_all_of_it(svd: Recommender) -> None:
    write(svd, 1)

    def lost() -> None:
        raise PublishError("the lease is lost")

    with pytest.raises(PublishError, match="lease"):
        publish(svd, 1, check=lost)
    assert versions() == [0, 0]


def test_one_version_before_is_kept_and_read_again_after_a_rollback(svd: Recommender) -> None:
    for version in (1, 2, 3):
        write(svd, version)
        publish(svd, version)
    assert stored() == {2, 3}
    assert rollback(svd).version == 2
    assert versions() == [2, 2]
    assert stored() == {2, 3}  # what was rolled back stays for who looks into it
    with pytest.raises(PublishError, match="no version before 2 is kept"):
        rollback(svd)
    assert next_version(Recommender.objects.get()) == 4
    write(svd, 4)
    publish(svd, 4, keep=0)
    assert stored() == {4}


def test_an_older_version_is_not_published_and_a_number_is_used_once(svd: Recommender) -> None:
    write(svd, 5)
    publish(svd, 5)
    write(svd, 3)
    with pytest.raises(PublishError, match="older than the published 5"):
        publish(svd, 3)
    SimilarityMatrixCell.objects.all().delete()
    assert next_version(Recommender.objects.get()) == 6


def test_without_a_matrix_there_is_nothing_to_publish(db: None) -> None:
    with pytest.raises(PublishError, match="has no similarity matrix"):
        publish(Recommender.objects.create(name="Popular", type=1), 1)


def test_who_left_while_a_version_was_made_is_not_in_it(
    svd: Recommender, make_user: Callable[..., Any], make_item: Callable[..., Any]
) -> None:
    item = make_item("Alien")
    ada, bob = make_user("ada").pk, make_user("bob").pk
    people = svd.user_similarity_matrix
    for user in (ada, bob):
        Interaction.objects.create(user_id=user, item=item, rating=4)
    remove_ratings(bob)
    write(svd, 1)
    for row, column in ((ada, 1), (1, ada), (ada, bob), (bob, ada), (1, bob), (bob, 1)):
        SimilarityMatrixCell.objects.create(
            matrix=people, version=1, row=row, column=column, value=0.5
        )
    done = publish(svd, 1, cells={"svd-1": 8, "svd-2": 2})
    assert done.cells == {"svd-1": 4, "svd-2": 2}
    left = SimilarityMatrixCell.objects.filter(matrix=people, row__gt=9).values_list("row")
    assert [row for (row,) in left] == [ada]


def test_cells_are_removed_in_parts(svd: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.recommendations.publish.REMOVED_AT_ONCE", 1)
    write(svd, 1)
    write(svd, 2)
    assert remove_cells(svd.user_similarity_matrix, 1) == 2  # type: ignore[arg-type]
    assert SimilarityMatrixCell.objects.filter(version=2).count() == 4
