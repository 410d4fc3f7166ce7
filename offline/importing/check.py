"""The check of a format of data."""

import tempfile
from pathlib import Path

import numpy as np

from offline.data.interactions import Interactions
from offline.errors import InputError
from offline.importing.evaluated import dataset_of
from offline.importing.load import load_source
from offline.importing.source import Columns, DataFormat


def check_dataset(form: type[DataFormat], source: str | Path) -> None:
    """Check that a format keeps its promises, on files of its kind.

    It is imported twice, and once from a place where there is nothing.

    Parameters
    ----------
    form : type
        The class that the entry point of the group `botify.datasets` names.
    source : str or Path
        Files of the format: some users with some items each.

    Raises
    ------
    AssertionError
        Says what is wrong.

    Examples
    --------
    >>> from pathlib import Path
    >>> from offline.importing.formats.movielens import MovieLens100K
    >>> from offline.testing import check_dataset
    >>> rows = [f"{u}\\t{i}\\t5\\t881250949" for u in range(9) for i in range(u + 2)]
    >>> _ = Path("u.data").write_text("\\n".join(rows))
    >>> check_dataset(MovieLens100K, ".")
    """
    source = Path(source)
    for attribute in ("name", "about"):
        text = getattr(form, attribute, None)
        assert isinstance(text, str), f"{form.__name__}.{attribute} must be a text, not {text!r}"
        assert text.strip(), f"{form.__name__}.{attribute} must be a text, not {text!r}"
    one = form()
    assert one.recognises(source) in (True, False), "`recognises` must answer True or False"
    with tempfile.TemporaryDirectory() as scratch:
        nowhere = Path(scratch) / "nothing"
        nowhere.mkdir()
        assert not one.recognises(nowhere), "`recognises` must not take an empty directory for its"
        _check_missing(one, nowhere)
        first, second = (Path(scratch) / name for name in ("first", "second"))
        for out in (first, second):
            load_source(form().open(source, Columns()), out, one.name)
        data, again = Interactions.load(first), Interactions.load(second)
    assert data.summary.fingerprint == again.summary.fingerprint, "two imports differ"
    assert len(data.likes().user), "nothing counts as a like: is `liked_from` too high?"
    data_set = dataset_of(one, source)
    assert data_set.train.shape == (len(data_set.users), len(data_set.items)), (
        "`dataset` must name a user for each row and an item for each column"
    )
    assert data_set.test is None or data_set.test.shape == data_set.train.shape, (
        "`dataset` must give both parts of one shape"
    )
    assert np.all(data_set.train.data == 1), "`dataset` must give likes, which are 1"


def _check_missing(form: DataFormat, nowhere: Path) -> None:
    try:
        form.open(nowhere, Columns())
    except InputError:
        return
    except Exception as error:
        raise AssertionError(
            f"`open` of a directory without files must raise InputError, not {error!r}"
        ) from error
    raise AssertionError("`open` of a directory without files must raise InputError")
