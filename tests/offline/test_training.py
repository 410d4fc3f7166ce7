"""The autoencoder, on data whose right answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from offline.artefact import load_artefact, save_artefact
from offline.errors import InputError
from offline.models.dae import DAE, Bag, input_dropout, multinomial_loss
from offline.options import TrainOptions, load_options
from offline.training import fit, held_out_metrics, top_lists

OPTIONS = TrainOptions(hidden=(16,), epochs=12, batch_size=20, learning_rate=0.02, patience=12)


@pytest.fixture
def two_camps(rng: np.random.Generator) -> sparse.csr_matrix:
    """60 users; even ones like 12 of the tracks 0 to 19, odd ones 12 of 20 to 39."""
    dense = np.zeros((60, 40), dtype=np.float32)
    for user in range(60):
        dense[user, 20 * (user % 2) + rng.choice(20, size=12, replace=False)] = 1
    return sparse.csr_matrix(dense)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def small_model(*hidden: int) -> DAE:
    return DAE(40, hidden, torch.Generator().manual_seed(1))


def test_every_camp_gets_its_own_tracks(two_camps: sparse.csr_matrix) -> None:
    trained = fit(two_camps, OPTIONS)
    lists = top_lists(trained.model, two_camps, 15, exclude_input=False)
    for user, tracks in enumerate(lists):
        assert set(tracks) <= set(range(20 * (user % 2), 20 * (user % 2) + 20))


def test_excluded_input_never_comes_back(two_camps: sparse.csr_matrix) -> None:
    lists = top_lists(small_model(8), two_camps, 28, exclude_input=True)
    for user, tracks in enumerate(lists):
        assert len(set(tracks)) == 28
        assert not set(tracks) & set(two_camps[[user]].indices)


def test_the_best_epoch_is_kept(two_camps: sparse.csr_matrix) -> None:
    trained = fit(two_camps, OPTIONS)
    assert trained.best.ndcg == max(epoch.ndcg for epoch in trained.epochs)
    # The weights are that epoch's: training only as far as it gives the same.
    shorter = fit(two_camps, OPTIONS.model_copy(update={"epochs": trained.best.number}))
    for name, value in trained.model.state_dict().items():
        assert torch.equal(value, shorter.model.state_dict()[name]), name


def test_training_stops_when_nothing_gets_better(two_camps: sparse.csr_matrix) -> None:
    options = OPTIONS.model_copy(update={"epochs": 200, "patience": 2})
    trained = fit(two_camps, options)
    assert len(trained.epochs) == trained.best.number + 2


def test_one_seed_one_model_another_seed_another(two_camps: sparse.csr_matrix) -> None:
    first, again = fit(two_camps, OPTIONS), fit(two_camps, OPTIONS)
    other = fit(two_camps, OPTIONS.model_copy(update={"seed": 2}))
    assert torch.equal(first.model.first, again.model.first)
    assert not torch.equal(first.model.first, other.model.first)
    assert [e.loss for e in first.epochs] == [e.loss for e in again.epochs]


def test_the_global_stream_of_torch_is_left_alone(two_camps: sparse.csr_matrix) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(two_camps, OPTIONS)
    assert torch.equal(torch.rand(3), expected)


def test_sparse_input_equals_the_dense_formula(two_camps: sparse.csr_matrix) -> None:
    model = small_model(8, 4)
    bag = Bag.of(two_camps, np.arange(60))
    dense = torch.from_numpy(two_camps.toarray())
    code = torch.nn.functional.normalize(dense, dim=1) @ model.first + model.first_bias
    second, last = model.layers
    expected = last(torch.tanh(second(torch.tanh(code))))
    assert torch.allclose(model(bag), expected, atol=1e-6)
    log_likelihood = (torch.log_softmax(expected, dim=1) * dense).sum(dim=1).mean()
    assert torch.allclose(multinomial_loss(model(bag), bag), -log_likelihood, atol=1e-4)


def test_dropout_drops_its_share_and_keeps_the_expectation(two_camps: sparse.csr_matrix) -> None:
    bag = Bag.of(sparse.vstack([two_camps] * 50).tocsr(), np.arange(3000))
    keep = input_dropout(bag, 0.25, torch.Generator().manual_seed(1))
    assert keep.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert keep.mean().item() == pytest.approx(1.0, abs=0.01)


def test_a_user_without_interactions_is_served_and_breaks_nothing() -> None:
    empty = sparse.csr_matrix((1, 40), dtype=np.float32)
    assert torch.isfinite(small_model(8)(Bag.of(empty, np.array([0])))).all()


def test_nothing_to_hold_out_is_said() -> None:
    with pytest.raises(InputError, match="collect more sessions"):
        fit(sparse.csr_matrix(np.eye(3, dtype=np.float32)), OPTIONS)


def test_a_model_survives_its_directory(two_camps: sparse.csr_matrix, tmp_path: Path) -> None:
    trained = fit(two_camps, OPTIONS)
    save_artefact(tmp_path / "model", trained, OPTIONS, "abc")
    back = load_artefact(tmp_path / "model")
    assert (back.fingerprint, back.options) == ("abc", OPTIONS)
    ours = top_lists(trained.model, two_camps, 5, exclude_input=False)
    np.testing.assert_array_equal(ours, top_lists(back.model, two_camps, 5, exclude_input=False))
    assert (tmp_path / "model/training.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_a_damaged_model_is_refused(
    name: str, two_camps: sparse.csr_matrix, tmp_path: Path
) -> None:
    save_artefact(tmp_path / "model", fit(two_camps, OPTIONS), OPTIONS, "abc")
    content = (tmp_path / "model" / name).read_bytes()
    (tmp_path / "model" / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        load_artefact(tmp_path / "model")


def test_no_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="botify-offline train"):
        load_artefact(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hiden: [3]", "hiden"),
        ("dropout: 1.5", "dropout"),
        ("hidden: []", "hidden"),
        ("epochs: 0", "epochs"),
        ("learning_rate: .nan", "learning_rate"),
        ("a: [", "not YAML"),
    ],
)
def test_bad_options_name_the_key(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_options(path)


def test_the_shipped_options_are_the_defaults() -> None:
    assert load_options(Path("config/train.yml")) == TrainOptions()


def test_held_out_metrics_match_a_plain_loop(two_camps: sparse.csr_matrix) -> None:
    from offline.split import split_interactions

    model = small_model(8)
    split = split_interactions(two_camps, 0.5, 0.3, np.random.default_rng(3))
    found = held_out_metrics(model, split)
    rows = np.flatnonzero(np.diff(split.held_out.indptr))
    for place, user in enumerate(rows):
        train, held = set(split.train[[user]].indices), set(split.held_out[[user]].indices)
        logits = model(Bag.of(split.train, np.array([user])))[0].tolist()
        order = sorted((t for t in range(40) if t not in train), key=lambda t: -logits[t])[:50]
        gain = sum(1 / np.log2(rank + 2) for rank, t in enumerate(order) if t in held)
        ideal = sum(1 / np.log2(rank + 2) for rank in range(len(held)))
        assert found.ndcg[place] == pytest.approx(gain / ideal)
        assert found.recall[place] == pytest.approx(1.0)  # 50 places, 40 tracks
