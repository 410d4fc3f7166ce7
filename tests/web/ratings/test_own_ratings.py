"""A person's ratings as a file, out and in, and all at once away."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from web.catalog.models import Item
from web.ratings import files
from web.ratings.models import Interaction

Make = Callable[..., Any]


def test_what_is_exported_can_be_imported(make_item: Make, signed_in: Make) -> None:
    client = signed_in()
    names = ["Alien", "=1+1", 'Heat, "1995"']
    for n, name in enumerate(names, 1):
        Interaction.objects.create(user_id=client.user.pk, item=make_item(name), rating=n)
    before = list(Interaction.objects.order_by("item").values_list("item", "rating", "created_at"))
    csv = b"".join(client.get("/ratings/export").streaming_content)
    assert b"\r\n" in csv
    assert b",=1" not in csv  # no formula for a spreadsheet
    Interaction.objects.all().delete()
    files.load(client.user.pk, csv)
    after = list(Interaction.objects.order_by("item").values_list("item", "rating", "created_at"))
    assert after == before


def test_an_import_counts_what_it_did(make_item: Make) -> None:
    a, b, c = (make_item(name).pk for name in "abc")
    files.load(1, f"item,rating\n{a},1\n{b},2\n".encode())
    again = files.load(1, f"movieId,rating,timestamp\n{a},1,964982703\n{b},3,\n{c},5,0\n".encode())
    assert again == (1, 1, 1, [])
    assert Item.objects.get(pk=b).votes == 1
    assert Interaction.objects.get(item=b).revision == 2


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"", "columns item and rating"),
        (b"a,b\n1,2\n", "columns item and rating"),
        (b"item,rating\n{item},0\n", "Line 2"),
        (b"item,rating\n{item},4\n{item},9\n", "Line 3"),
        (b"item,rating\n{item}\n", "Line 2"),
        (b"item,rating\nx,4\n", "Line 2"),
        (b"item,rating\n{item},4\n123456789,4\n", "123456789"),
        (b"item,rating,time\n{item},4,yesterday\n", "Line 2"),
        (b"item,rating,time\n{item},4,99999999999999999999\n", "Line 2"),
        (b"item,rating\n99999999999999999999999,4\n", "Line 2"),
    ],
)
def test_a_file_with_an_error_imports_nothing(
    make_item: Make, data: bytes, complaint: str
) -> None:
    item = str(make_item("Alien").pk).encode()
    done = files.load(1, data.replace(b"{item}", item))
    assert any(complaint in error for error in done.errors), done.errors
    assert not Interaction.objects.exists()


def test_a_file_that_is_too_large_is_not_read(signed_in: Make) -> None:
    file = SimpleUploadedFile("r.csv", b"x" * (files.MOST_BYTES + 1))
    page = signed_in().post("/ratings/import", {"file": file}, follow=True)
    assert "at most" in page.content.decode()


def test_a_huge_upload_is_refused_before_it_is_read(signed_in: Make) -> None:
    file = SimpleUploadedFile("r.csv", b"x" * (3 * 1024 * 1024))
    assert signed_in().post("/ratings/import", {"file": file}).status_code == 413


def test_all_ratings_go_at_once_with_the_permission(make_item: Make, signed_in: Make) -> None:
    ada, eve = signed_in("ada"), signed_in("eve", "reset_interactions")
    item = make_item("Alien")
    for client in (ada, eve):
        Interaction.objects.create(user_id=client.user.pk, item=item, rating=4)
    assert ada.post("/ratings/reset").status_code == 403
    assert eve.get("/ratings/reset").status_code == 405
    eve.post("/ratings/reset")
    assert Interaction.objects.get().user_id == ada.user.pk
