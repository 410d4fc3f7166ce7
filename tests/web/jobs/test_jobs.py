"""Jobs: they train when ratings changed, publish whole versions, and run once at a time."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from web.jobs.database import BusyError, run
from web.jobs.lease import Lease, LeaseLostError
from web.jobs.models import Job, Run
from web.jobs.scheduler import claim
from web.jobs.training import JobError, Task
from web.people.removal import remove_ratings
from web.ratings.models import Interaction
from web.ratings.store import rate
from web.recommendations.models import MatrixVersion, SimilarityMatrix, SimilarityMatrixCell

from .conftest import write_quick

Make = Callable[..., Any]
SVD = Task("svd")


@pytest.fixture
def rated(make_item: Make) -> list[Any]:
    items = [make_item(f"film {n}") for n in range(4)]
    for user in (1, 2, 3):
        for item in items[:3]:
            Interaction.objects.create(user_id=user, item=item, rating=user + 0.5)
    return items


def published() -> list[int]:
    found = SimilarityMatrix.objects.filter(name__startswith="svd")
    return list(found.order_by("name").values_list("version", flat=True))


def stored() -> set[int]:
    return set(SimilarityMatrixCell.objects.values_list("version", flat=True))


def test_a_job_publishes_both_matrices_and_says_so(quick: Path, rated: Any) -> None:
    outcome = run(SVD, "me")
    assert published() == [1, 1]
    assert "version 1 of 9 ratings: 3 similarities in svd-users" in outcome.message
    assert "1 of 3 people have no neighbour" in outcome.message
    made = MatrixVersion.objects.get(matrix__name="svd-items")
    assert (made.ratings, made.cells, len(made.fingerprint)) == (9, 3, 32)
    ran = Run.objects.get()
    assert (ran.status, ran.version, ran.megabytes) == ("published", 1, 1007)
    job = Job.objects.get(name="svd")
    assert job.checked_at is not None
    assert not job.running


def test_it_trains_only_if_something_changed(quick: Path, rated: Any) -> None:
    def version() -> int | None:
        return run(SVD, "me").version

    assert version() == 1
    assert version() is None
    rate(1, rated[0].pk, 5)  # edited
    assert version() == 2
    rate(1, rated[0].pk, 1.5)  # edited back: as in version 1, not as in the published one
    assert version() == 3
    rate(4, rated[3].pk, 4)  # added
    assert version() == 4
    remove_ratings(4)  # deleted
    assert version() == 5
    Interaction.objects.filter(user_id=1, item=rated[1]).delete()  # one less and one more
    rate(4, rated[1].pk, 4)
    assert version() == 6
    Interaction.objects.filter(user_id=4).update(suitable_to_train=False)
    assert version() == 7
    assert version() is None
    assert run(Task("svd", ("factors=8",)), "me").version == 8
    assert stored() == {7, 8}
    assert Run.objects.count() == 8


def test_a_failure_is_told_and_the_old_version_stays(quick: Path, rated: Any) -> None:
    run(SVD, "me")
    rate(1, rated[0].pk, 5)
    write_quick(quick, broken=True)
    with pytest.raises(JobError, match="ended with 1: Error: the model diverged"):
        run(SVD, "me")
    assert published() == [1, 1]
    assert Run.objects.first().status == "failed"  # type: ignore[union-attr]
    job = Job.objects.get(name="svd")
    assert job.failures == 1
    assert job.due_at - job.started_at == timedelta(minutes=6)  # type: ignore[operator]
    write_quick(quick)
    assert run(SVD, "me").version == 3  # no version has the number of another
    assert Job.objects.get(name="svd").failures == 0


def test_without_ratings_nothing_is_trained(quick: Path) -> None:
    with pytest.raises(CommandError, match="svd: there are no ratings") as raised:
        call_command("similarity", "svd")
    assert raised.value.returncode == 2


def test_what_a_killed_run_left_is_cleared_away(quick: Path, rated: Any) -> None:
    run(SVD, "me")
    job = Job.objects.get(name="svd")
    left = Run.objects.create(job=job, owner="killed", version=2)
    users = SimilarityMatrix.objects.get(name="svd-users")
    SimilarityMatrixCell.objects.create(matrix=users, version=2, row=1, column=2, value=0.9)
    assert run(SVD, "me").version is None
    left.refresh_from_db()
    assert left.status == "killed"
    assert stored() == {1}
    rate(1, rated[0].pk, 5)
    assert run(SVD, "me").version == 3


def test_a_run_killed_after_publishing_counts_as_published(quick: Path, rated: Any) -> None:
    run(SVD, "me")
    Run.objects.update(status="running")
    assert run(SVD, "me").version is None
    assert Run.objects.get().status == "published"
    assert stored() == {1}


def test_a_job_runs_once_at_a_time(quick: Path, rated: Any) -> None:
    job = Job.objects.create(name="svd")
    first, second = Lease("svd", "first"), Lease("svd", "second")
    assert first.take()
    assert not second.take()
    with pytest.raises(BusyError, match="svd is run by another process"):
        run(SVD, "second")
    with pytest.raises(LeaseLostError):
        second.renew()
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # its process died
    with pytest.raises(LeaseLostError):
        first.renew()
    assert second.take()
    first.release()  # is not its own any more
    job.refresh_from_db()
    assert job.owner == "second"
    assert job.running


def test_what_is_made_without_the_lease_is_not_published(
    quick: Path, rated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.jobs import database

    def slow(*given: Any) -> int:
        Job.objects.update(owner="another")
        return written(*given)

    written = database.write_cells
    monkeypatch.setattr(database, "write_cells", slow)
    with pytest.raises(LeaseLostError):
        run(SVD, "me")
    assert published() == [0, 0]
    assert Job.objects.get().fingerprint == ""


def test_a_scheduler_claims_each_job_every_three_minutes(quick: Path) -> None:
    first = claim()
    assert first is not None
    assert claim() is None  # one at a time
    Lease(first.name, first.owner).release()
    second = claim()
    assert second is not None
    assert {first.name, second.name} == {"svd", "nmf"}
    Lease(second.name, second.owner).release()
    assert claim() is None
    Job.objects.filter(name="svd").update(started_at=timezone.now() - timedelta(seconds=181))
    Job.objects.filter(name="svd").update(enable=False)
    assert claim() is None
    Job.objects.filter(name="svd").update(asked=True)  # paused, and asked for by hand
    asked = claim()
    assert asked is not None
    assert not Job.objects.get(name="svd").asked


def test_one_command_goes_back_and_the_scheduler_lets_it_be(quick: Path, rated: Any) -> None:
    for rating in (1, 2):
        rate(9, rated[0].pk, rating)
        call_command("similarity", "svd", verbosity=0)
    assert published() == [2, 2]
    call_command("similarity", "svd", "--rollback")
    assert published() == [1, 1]
    assert not Job.objects.get(name="svd").enable
    assert run(SVD, "me").version is None  # nothing changed since the version that was taken back
    with pytest.raises(CommandError, match="no version before 1 is kept"):
        call_command("similarity", "svd", "--rollback")


def test_staff_see_jobs_and_start_pause_and_roll_back(
    quick: Path, rated: Any, signed_in: Make
) -> None:
    assert signed_in("ada").get("/jobs").status_code == 403
    client = signed_in("root", "airflow_management")
    assert "Nothing is published yet" in client.get("/jobs").content.decode()
    assert 'href="/jobs"' in client.get("/").content.decode()
    for rating in (1, 2):
        rate(9, rated[0].pk, rating)
        run(SVD, "me")
    page = client.get("/jobs").content.decode()
    assert "version 2 of 10 ratings" in page
    assert "Starts again in" in page
    for action, field, value in (
        ("run", "asked", True),
        ("pause", "enable", False),
        ("schedule", "enable", True),
        ("rollback", "enable", False),
    ):
        client.post("/jobs/svd", {"action": action})
        assert getattr(Job.objects.get(name="svd"), field) == value
    assert published() == [1, 1]
    assert (
        "no version before 1 is kept"
        in client.post("/jobs/svd", {"action": "rollback"}, follow=True).content.decode()
    )
    assert client.post("/jobs/svd", {"action": "x"}).status_code == 400
    assert client.post("/jobs/bert", {"action": "run"}).status_code == 404
    assert client.get("/jobs/svd").status_code == 405


def test_rows_say_which_version_they_are_of(quick: Path, rated: Any, signed_in: Make) -> None:
    client = signed_in("ada")
    me = client.user.pk  # type: ignore[attr-defined]
    rate(me, rated[0].pk, 4)
    run(SVD, "me")
    item = rated[0]
    type(item).objects.update(likes=3)
    page = client.get("/recommendations").content.decode()
    assert "From svd-users, version 1, of the ratings 0\xa0minutes ago." in page
    assert "newer" not in page
    rate(me, rated[1].pk, 4)
    assert "1 rating of yours is newer." in client.get("/recommendations").content.decode()
    MatrixVersion.objects.all().delete()
    page = client.get("/recommendations").content.decode()
    assert "From svd-users, version 1; its age is not known." in page
    page = client.get(f"/items/{item.pk}").content.decode()
    assert "From svd-items, version 1" in page
