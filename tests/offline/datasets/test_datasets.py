"""Readers of public data sets, on small files in their formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from offline.datasets.dataset import Dataset
from offline.datasets.lastfm import load_lastfm_2k
from offline.datasets.lightgcn import load_lightgcn
from offline.datasets.movielens import load_ml_1m
from offline.errors import InputError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the files of a data set, dots in their names as underscores."""

    def write(**files: str | bytes) -> Path:
        directory = tmp_path / "data"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            content = text if isinstance(text, bytes) else text.encode()
            (directory / f"{stem}.{suffix}").write_bytes(content)
        return directory

    return write


def test_lightgcn(write: Write) -> None:
    data = load_lightgcn(write(train_txt="0 2 1\n1\n3 0\n0 4\n", test_txt="0 3\r\n2 5 \n\n"))
    assert isinstance(data, Dataset)
    assert data.name == "data"
    assert data.train.toarray().tolist() == [
        [0, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
    ]
    assert data.test is not None
    assert np.transpose(data.test.nonzero()).tolist() == [[0, 3], [2, 5]]
    assert data.test.shape == data.train.shape
    assert data.whole.nnz == 6
    assert data.whole.max() == 1
    assert data.users.tolist() == [0, 1, 2, 3]
    assert data.items.tolist() == [0, 1, 2, 3, 4, 5]
    assert data.artists is None


def test_the_order_of_lines_and_items_says_nothing(write: Write) -> None:
    one = load_lightgcn(write(train_txt="0 1 2 4\n1 0 3\n", test_txt="0 3\n"))
    other = load_lightgcn(write(train_txt="1 3 0\n0 4\n0 2 1\n", test_txt="0 3\n"))
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(one.train, part), getattr(other.train, part))
    assert other.train.has_sorted_indices


@pytest.mark.parametrize(
    ("train", "test", "complaint"),
    [
        ("0 1\n1 2 x7 3\n", "0 2\n", r"train\.txt:2: 'x7' is not an id"),
        ("0 1\n", "0 2\n1 -3\n", r"test\.txt:2: '-3' is not an id: .* whole numbers from 0"),
        ("0 1\n-1 2\n", "0 2\n", r"train\.txt:2: '-1' is not an id"),
        ("0 1.5\n", "0 2\n", r"train\.txt:1: '1\.5' is not an id"),
        ("0 1_0\n", "0 2\n", r"train\.txt:1: '1_0' is not an id"),
        (b"0 1\xff\n", "0 2\n", r"train\.txt:1: '1�' is not an id"),
        ("0 1 2 1\n", "0 3\n", r"train\.txt: user 0 has item 1 twice"),
        ("0 1\n1 1\n0 2 1\n", "0 3\n", r"train\.txt: user 0 has item 1 twice"),
        ("0 1\n", "1 4\n1 4\n", r"test\.txt: user 1 has item 4 twice"),
        ("0 1 2\n1 5\n", "1 5\n", r"user 1 has item 5 in train\.txt and in test\.txt"),
        ("0\n1\n", "0 1\n", r"train\.txt: no interactions"),
        ("0 1\n", "", r"test\.txt: no interactions"),
        ("0 1\n", "0 99999999999999999999\n", r"test\.txt:1: id 9+ is too large"),
        ("0 1\n", "0 2000000\n", r"item id 2000000 with 2 interactions in all"),
        ("0 1\n2000000 1\n", "0 2\n", r"user id 2000000 with 3 interactions in all"),
    ],
)
def test_bad_lightgcn_is_named(
    train: str | bytes, test: str, complaint: str, write: Write
) -> None:
    with pytest.raises(InputError, match=complaint):
        load_lightgcn(write(train_txt=train, test_txt=test))


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_of_lightgcn_end_in_any_way(end: str, write: Write) -> None:
    lines = "\ufeff0 1 2", "1 0 2", "2 0"
    data = load_lightgcn(write(train_txt=end.join(lines), test_txt="0 3\n"))
    assert data.train.toarray().tolist() == [[0, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]]


ODD = ["\x0b", "\x0c", "\x00", "\x1c", "\x85", "\u2028", "\u00a0"]


@pytest.mark.parametrize("mark", ODD)
@pytest.mark.parametrize("text", ["0 1 2{}\n1 0\n", "0 1{}2\n", "{}\n0 1\n", "0 1\n{}1 0"])
def test_what_is_no_space_is_named_by_file_and_line(mark: str, text: str, write: Write) -> None:
    number = text[: text.index("{}")].count("\n") + 1
    with pytest.raises(InputError, match=rf"train\.txt:{number}: ") as refusal:
        load_lightgcn(write(train_txt=text.format(mark), test_txt="0 3\n"))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("mark", ODD)
def test_what_is_no_newline_in_columns_is_named(mark: str, write: Write) -> None:
    ratings = f"1::10::5::9\n2::10::5::9{mark}\n3::10::5::9\n"
    with pytest.raises(InputError, match=r"ratings\.dat:2: "):
        load_ml_1m(write(ratings_dat=ratings))


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_rows_end_in_any_way(end: str, write: Write) -> None:
    ratings = end.join(["\ufeff1::10::5::9", "2::10::5::9", "3::10::5::9"])
    assert load_ml_1m(write(ratings_dat=ratings)).users.tolist() == [1, 2, 3]


def test_a_missing_header_is_named_and_costs_no_user(write: Write) -> None:
    with pytest.raises(InputError, match=r"user_artists\.dat:1: .*put the header back"):
        load_lastfm_2k(write(user_artists_dat="2\t51\t1\n3\t51\t1\n"))


def test_a_header_too_many_is_named(write: Write) -> None:
    with pytest.raises(InputError, match=r"ratings\.dat:1: 'user::movie'"):
        load_ml_1m(write(ratings_dat="user::movie\n1::10::5::9\n"))


def test_ml_1m_takes_ratings_of_4_and_5(write: Write) -> None:
    ratings = "1::10::5::978300760\n1::20::3::1\n7::30::4::1\n7::10::4::2\n9::40::1::1\n"
    data = load_ml_1m(write(ratings_dat=ratings))
    assert data.users.tolist() == [1, 7]
    assert data.items.tolist() == [10, 30]
    assert data.train.toarray().tolist() == [[1, 0], [1, 1]]
    assert data.test is None
    assert data.whole is data.train


@pytest.mark.parametrize(
    ("ratings", "complaint"),
    [
        ("1::1::5::1\n1::2::6::1\n", r"ratings\.dat:2: a rating of 6"),
        ("1::1::5::1\n1::2::0::1\n", r"ratings\.dat:2: a rating of 0"),
        ("1::1::5::1\n1::2::5\n", r"ratings\.dat:2: '1::2::5' is not 4 whole numbers"),
        ("1::1::5::1\n1:2:5:1\n", r"ratings\.dat:2: '1:2:5:1' is not 4"),
        ("1::-1::5::1\n", r"ratings\.dat:1: '1::-1::5::1'"),
        ("1::1::nan::1\n", r"ratings\.dat:1: '1::1::nan::1'"),
        ("1::1::5::1::9\n", r"ratings\.dat:1: "),
        ("1::1::5::1\n2::1::5::1\n1::1::2::9\n", "user 1 rated movie 1 twice"),
        ("1::1::3::1\n", "no rating of 4 or more"),
        ("", "no rows"),
    ],
)
def test_bad_ml_1m_is_named(ratings: str, complaint: str, write: Write) -> None:
    with pytest.raises(InputError, match=complaint):
        load_ml_1m(write(ratings_dat=ratings))


def test_lastfm_2k_takes_all_counts(write: Write) -> None:
    plays = "userID\tartistID\tweight\r\n2\t51\t13883\r\n2\t7\t1\r\n5\t51\t3\r\n"
    data = load_lastfm_2k(write(user_artists_dat=plays))
    assert data.users.tolist() == [2, 5]
    assert data.items.tolist() == [7, 51]
    assert data.train.toarray().tolist() == [[1, 1], [0, 1]]
    assert data.artists is not None
    assert data.artists.tolist() == [7, 51]


@pytest.mark.parametrize(
    ("plays", "complaint"),
    [
        ("2\t51\t-5\n", r"user_artists\.dat:2: .* is not 3 whole numbers"),
        ("2\t51\t1\n2\t52\t0\n", r"user_artists\.dat:3: 0 plays"),
        ("2 51 1\n", r"user_artists\.dat:2: "),
        ("2\t51\t1\n2\t52\t1\n2\t51\t4\n", "user 2 has artist 51 twice"),
        ("", "no rows"),
    ],
)
def test_bad_lastfm_2k_is_named(plays: str, complaint: str, write: Write) -> None:
    with pytest.raises(InputError, match=complaint):
        load_lastfm_2k(write(user_artists_dat="userID\tartistID\tweight\n" + plays))


@pytest.mark.parametrize(
    ("load", "where"),
    [
        (load_lightgcn, "github.com/kuandeng/LightGCN"),
        (load_ml_1m, "grouplens.org/datasets/movielens/1m"),
        (load_lastfm_2k, "grouplens.org/datasets/hetrec-2011"),
    ],
)
def test_missing_files_say_where_to_get_them(
    load: Callable[[Path], Dataset], where: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(InputError, match="no such") as error:
            load(directory)
        assert str(directory) in str(error.value)
        assert where in str(error.value)


@pytest.mark.integration
class TestRealFiles:
    """Figures that the publishers and others state for these data sets."""

    def directory(self, name: str) -> Path:
        found = Path(__file__).parents[4] / "shared/data" / name
        if not found.is_dir():
            pytest.skip(f"needs the data set {name} in ../shared/data")
        return found

    def test_gowalla(self) -> None:
        data = load_lightgcn(self.directory("gowalla"))
        assert data.train.shape == (29_858, 40_981)
        assert data.test is not None
        assert (data.train.nnz, data.test.nnz) == (810_128, 217_242)

    def test_ml_1m(self) -> None:
        data = load_ml_1m(self.directory("ml-1m"))
        assert data.train.shape == (6_038, 3_533)
        assert data.train.nnz == 575_281

    def test_lastfm_2k(self) -> None:
        data = load_lastfm_2k(self.directory("lastfm-2k"))
        assert data.train.shape == (1_892, 17_632)
        assert data.train.nnz == 92_834
