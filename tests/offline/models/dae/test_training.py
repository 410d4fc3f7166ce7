"""The autoencoder, on data whose right answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.splits import held_out
from offline.errors import InputError
from offline.models.dae import loss as multinomial
from offline.models.dae.training import Epoch, Hooks, K, fit, top_lists
from offline.models.dae.training.batches import Batches
from offline.models.dae.training.trainer import held_out_metrics, streams

from ...camps import CAMP, N_TRACKS, N_USERS, OPTIONS, options, same, small_model, two_camps

MATRIX = two_camps()


def test_every_camp_gets_its_own_tracks() -> None:
    trained = fit(MATRIX, OPTIONS)
    lists = top_lists(trained.model, MATRIX, 15, exclude_input=False)
    for user, tracks in enumerate(lists):
        assert set(tracks // CAMP) == {user % 2}


def test_excluded_input_never_comes_back() -> None:
    lists = top_lists(small_model(8), MATRIX, 30, exclude_input=True)
    for user, tracks in enumerate(lists):
        assert len(set(tracks[:28])) == 28
        assert not set(tracks[:28]) & set(MATRIX[[user]].indices)
        assert tracks[28:].tolist() == [-1, -1]  # 40 tracks, 12 of them the user's


def test_lists_do_not_depend_on_the_batch() -> None:
    model = small_model(8)
    expected = top_lists(model, MATRIX, 20, exclude_input=True)
    for batch in (1, 7, N_USERS):
        found = top_lists(model, MATRIX, 20, exclude_input=True, batch=batch)
        np.testing.assert_array_equal(found, expected)
    assert top_lists(model, MATRIX[:0], 20, exclude_input=True).shape == (0, 20)


def test_a_track_that_nobody_liked_is_never_named() -> None:
    """Tracks 0, 13 and 41 are nobody's: the model is trained without them."""
    wider = _with_strangers()
    trained = fit(wider, OPTIONS)
    liked = np.flatnonzero(wider.getnnz(axis=0))
    np.testing.assert_array_equal(trained.model.tracks.numpy(), liked)
    assert trained.model.last.weight.shape == (len(liked), 16)
    lists = top_lists(trained.model, wider, K, exclude_input=False)
    assert set(lists.ravel()) == {*liked.tolist(), -1}
    assert (lists[:, len(liked) :] == -1).all()
    # Known or not, the tracks with listeners are learned alike.
    assert same(trained.model, fit(MATRIX, OPTIONS).model)


def _with_strangers() -> sparse.csr_matrix:
    empty = sparse.csr_matrix((N_USERS, 1), dtype=np.float32)
    return sparse.hstack([empty, MATRIX[:, :12], empty, MATRIX[:, 12:], empty]).tocsr()


def test_the_best_epoch_is_kept() -> None:
    trained = fit(MATRIX, OPTIONS)
    assert trained.best.ndcg == max(epoch.ndcg for epoch in trained.epochs)
    # The weights are that epoch's: training only as far as it gives the same.
    shorter = fit(MATRIX, options(epochs=trained.best.number))
    assert same(trained.model, shorter.model)


def test_training_stops_when_nothing_gets_better() -> None:
    trained = fit(MATRIX, options(epochs=200, patience=2))
    assert len(trained.epochs) == trained.best.number + 2


def test_one_seed_one_model_another_seed_another() -> None:
    first, again, other = fit(MATRIX, OPTIONS), fit(MATRIX, OPTIONS), fit(MATRIX, options(seed=2))
    assert same(first.model, again.model)
    assert not same(first.model, other.model)
    assert [e.loss for e in first.epochs] == [e.loss for e in again.epochs]


def test_the_global_streams_are_left_alone() -> None:
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = torch.rand(3), np.random.random(3)  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    fit(MATRIX, OPTIONS)
    assert torch.equal(torch.rand(3), expected[0])
    np.testing.assert_array_equal(np.random.random(3), expected[1])  # noqa: NPY002


def test_the_matrix_is_left_as_it_was() -> None:
    matrix = two_camps()
    fit(matrix, OPTIONS)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(matrix, name), getattr(MATRIX, name))


def test_mapped_from_disk_and_in_memory_are_one(tmp_path: Path) -> None:
    np.save(tmp_path / "indptr.npy", MATRIX.indptr.astype(np.int64))
    np.save(tmp_path / "indices.npy", MATRIX.indices)
    (tmp_path / "about.json").write_text(f'{{"n_users": {N_USERS}, "n_items": {N_TRACKS}}}')
    mapped = fit(InteractionMatrix.open(tmp_path, N_TRACKS), OPTIONS)
    in_memory = fit(MATRIX, OPTIONS)
    assert same(mapped.model, in_memory.model)
    assert [e.ndcg for e in mapped.epochs] == [e.ndcg for e in in_memory.epochs]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_room_for_few_logits_changes_nothing(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(MATRIX, options(precision=precision, epochs=3))
    monkeypatch.setattr(multinomial, "MAX_LOGITS", 7 * N_TRACKS)
    parts = fit(MATRIX, options(precision=precision, epochs=3))
    for one, other in zip(parts.epochs, whole.epochs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.ndcg == pytest.approx(other.ndcg, abs=0.02)


@pytest.mark.nightly
def test_bfloat16_learns_as_well_as_float32() -> None:
    """Over seeds, the difference of held-out NDCG is within that of one seed from another."""
    matrix = two_camps(n_users=300, n_tracks=200, likes=25)
    found = {
        precision: np.array(
            [
                fit(
                    matrix, options(precision=precision, seed=seed, epochs=8, batch_size=50)
                ).best.ndcg
                for seed in range(4)
            ]
        )
        for precision in ("float32", "bfloat16")
    }
    chance = K / 200 * 0.5
    assert found["float32"].min() > 2 * chance
    assert abs(found["float32"] - found["bfloat16"]).max() < found["float32"].std() + 0.01


def test_hooks_hear_every_user_once_an_epoch() -> None:
    starts: list[tuple[int, int, int]] = []
    steps: list[tuple[int, float]] = []
    epochs: list[Epoch] = []
    hooks = Hooks(
        on_start=lambda state, users: starts.append((state.epoch, state.step, users)),
        on_step=lambda users, loss: steps.append((users, loss)),
        on_epoch=epochs.append,
    )
    trained = fit(MATRIX, options(epochs=2, batch_size=25), hooks=hooks)
    assert starts == [(1, 0, N_USERS)]
    assert [users for users, _ in steps] == [25, 25, 10] * 2
    assert tuple(epochs) == trained.epochs
    first = sum(users * loss for users, loss in steps[:3]) / N_USERS
    assert first == pytest.approx(epochs[0].loss)
    assert all(epoch.users_per_second > 0 for epoch in epochs)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_any_batch_size_will_do(batch_size: int) -> None:
    trained = fit(MATRIX, options(batch_size=batch_size, epochs=2))
    assert all(np.isfinite(epoch.loss) for epoch in trained.epochs)


def test_a_step_whose_tracks_are_all_hidden_breaks_nothing() -> None:
    matrix = sparse.csr_matrix(np.eye(10, 12) + np.eye(10, 12, k=1), dtype=np.float32)
    trained = fit(matrix, options(batch_size=1, dropout=0.95, epochs=3))
    assert all(np.isfinite(epoch.loss) for epoch in trained.epochs)


def test_users_without_interactions_are_passed_over() -> None:
    empty = sparse.csr_matrix((5, N_TRACKS), dtype=np.float32)
    users: list[int] = []
    hooks = Hooks(on_start=lambda _, n: users.append(n))
    fit(sparse.vstack([empty, MATRIX, empty]).tocsr(), options(epochs=1), hooks=hooks)
    assert users == [N_USERS]


def test_nothing_to_hold_out_is_said() -> None:
    with pytest.raises(InputError, match="collect more sessions"):
        fit(sparse.csr_matrix(np.eye(3, dtype=np.float32)), OPTIONS)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_that_goes_astray_says_so(precision: str) -> None:
    # Past what options allow: no smaller rate overflows in so few steps.
    astray = options(precision=precision).model_copy(update={"learning_rate": 3e37})
    with pytest.raises(InputError, match=r"infinite\): lower learning_rate, which is 3e\+37"):
        fit(MATRIX, astray)


def test_nothing_held_out_is_learned_from() -> None:
    split_rng, _ = streams(OPTIONS)
    held = held_out(InteractionMatrix.of(MATRIX), OPTIONS, split_rng)
    taken = Batches(held.train, OPTIONS).batch(held.users, 1, 0).rows
    assert taken.multiply(held.wanted[: taken.shape[0]]).nnz == 0


def test_held_out_metrics_match_a_plain_loop() -> None:
    model = small_model(8)
    held = held_out(
        InteractionMatrix.of(MATRIX),
        options(held_out_users=0.5, held_out_share=0.3),
        np.random.default_rng(3),
    )
    found = held_out_metrics(model, held)
    assert len(found.ndcg) == N_USERS // 2
    for place in range(len(held.users)):
        train, wanted = set(held.seen[[place]].indices), set(held.wanted[[place]].indices)
        logits = model(model.ragged(held.seen[[place]]))[0].tolist()
        order = sorted((t for t in range(N_TRACKS) if t not in train), key=lambda t: -logits[t])
        gain = sum(1 / np.log2(rank + 2) for rank, t in enumerate(order[:K]) if t in wanted)
        ideal = sum(1 / np.log2(rank + 2) for rank in range(len(wanted)))
        assert found.ndcg[place] == pytest.approx(gain / ideal)
        assert found.recall[place] == pytest.approx(1.0)  # 50 places, 40 tracks
