"""Vectors of items by what is said of them: words, tags, or a language model's."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.errors import InputError

_WORD = re.compile(r"[^\W_]{2,}")
LEAST, MOST = 2, 0.5
"""Words of fewer texts than that, and of more than this share of them, tell nothing."""


def tfidf(texts: Sequence[str]) -> sparse.csr_matrix:
    """A vector for each text: 1 + log tf, times log((1 + n) / (1 + df)) + 1 of each word.

    As in Manning, Raghavan and Schütze (2008), section 6.4, with n and df one higher.

    Parameters
    ----------
    texts : sequence of str
        Words are runs of two letters or digits and more, whatever their case.

    Returns
    -------
    csr_matrix of float64, shape (len(texts), words)
        A text without a word that others have is a row of zeros.
    """
    counts = _counted(_WORD.findall(text.casefold()) for text in texts)
    n = counts.shape[0]
    df = np.bincount(counts.indices, minlength=counts.shape[1])
    counts = sparse.csr_matrix(counts[:, (df >= LEAST) & (df <= max(LEAST, MOST * n))])
    counts.data = 1 + np.log(counts.data)
    return _weighted(counts)


def tag_vectors(tags: Sequence[Iterable[str]]) -> sparse.csr_matrix:
    """A vector for each item: 1 for each of its tags, times the rarity that `tfidf` has.

    Gives a csr_matrix of float64, shape (len(tags), distinct tags).
    """
    return _weighted(_counted(tags))


def embeddings(texts: Sequence[str], encoder: Path) -> NDArray[np.float64]:
    """The vector of each text, shape (len(texts), k), from a sentence-transformers model.

    `encoder` is the model's directory; nothing is fetched. Raises InputError where the package
    sentence-transformers is not installed, and where the model cannot be loaded.
    """
    if not encoder.is_dir():
        raise InputError(f"--encoder {encoder}: no such directory: give that of a saved model")
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise InputError(
            "--model embeddings needs the package sentence-transformers, which is not installed "
            "here: `pip install sentence-transformers`, or choose --model tfidf"
        ) from error
    try:
        model: Any = SentenceTransformer(str(encoder), device="cpu", local_files_only=True)
    except Exception as error:  # whatever the libraries below it raise
        raise InputError(f"--encoder {encoder}: cannot be loaded: {error}") from error
    found = model.encode(list(texts), show_progress_bar=False, convert_to_numpy=True)
    return np.asarray(found, np.float64)


def _counted(documents: Iterable[Iterable[str]]) -> sparse.csr_matrix:
    number: dict[str, int] = {}
    columns: list[int] = []
    starts = [0]
    for words in documents:
        columns += [number.setdefault(word, len(number)) for word in words]
        starts.append(len(columns))
    ones = np.ones(len(columns))
    found = sparse.csr_matrix((ones, columns, starts), shape=(len(starts) - 1, len(number)))
    found.sum_duplicates()
    return found


def _weighted(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    df = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log((1 + counts.shape[0]) / (1 + df)) + 1
    return sparse.csr_matrix(counts @ sparse.diags(rarity))
