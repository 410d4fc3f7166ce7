"""The variational autoencoder, against the formulas of its paper."""

import numpy as np
import pytest
import torch
from scipy import sparse

from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.check import checkerboard, scattered
from offline.models.vae import training
from offline.models.vae.network import VAE
from offline.models.vae.recommender import VAERecommender

from .recommender_checks import RecommenderChecks


class TestVAE(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return VAERecommender(hidden=8, latent=4, epochs=2, batch_size=16, seed=seed)

    def test_one_item_only(self) -> None:
        with pytest.raises(InputError, match="needs a user with two interactions"):
            self.make().fit(sparse.csr_matrix(np.array([[1.0], [0.0], [1.0]])))


def test_gradients_are_those_of_the_evidence_lower_bound() -> None:
    matrix = scattered()
    known = np.flatnonzero(np.bincount(matrix.indices, minlength=50))
    model = VAE(50, known, 6, 3, torch.Generator().manual_seed(2))
    ragged = model.ragged(matrix)
    noise = torch.randn(30, 3, generator=torch.Generator().manual_seed(3))
    workspace = model.workspace(30, torch.float32)
    bound, sums_gradient = model.step_gradients(ragged, ragged, noise, 0.3, workspace)
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    # The same from dense matrices, as the paper writes it.
    dense = torch.from_numpy(matrix.toarray()[:, known])
    inputs = dense / dense.sum(dim=1, keepdim=True).clamp(min=1).sqrt()
    sums = (inputs @ model.first).detach().requires_grad_()
    mean, log_variance = model.posterior(sums)
    latent = mean + noise * (log_variance / 2).exp()
    log_softmax = torch.log_softmax(model.last(latent), dim=1)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    divergence = torch.distributions.kl_divergence(posterior, prior).sum(dim=1)
    expected = (-(dense * log_softmax).sum(dim=1) + 0.3 * divergence).mean()
    model.zero_grad()
    expected.backward()

    assert bound.item() == pytest.approx(expected.item(), rel=1e-4)
    assert sums.grad is not None
    torch.testing.assert_close(sums_gradient, sums.grad, rtol=1e-3, atol=1e-6)
    assert set(found) == {name for name, _ in model.named_parameters()} - {"first"}
    for name, parameter in model.named_parameters():
        if name != "first":
            torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-5)


def test_users_are_scored_by_the_mean_of_their_posterior() -> None:
    model = VAE(5, np.array([0, 2, 3]), 4, 2, torch.Generator().manual_seed(1))
    row = sparse.csr_matrix([[1, 0, 1, 0, 0]])
    with torch.no_grad():
        mean, _ = model.posterior(model.sums(model.ragged(row)))
        expected = model.last(mean)
        torch.testing.assert_close(model(model.ragged(row)), expected)


def test_threads_change_nothing() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            model = VAERecommender(hidden=64, latent=16, epochs=3, batch_size=16, seed=1)
            found.append(model.fit(scattered()).recommend(np.arange(30), 20))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0].ids, found[1].ids)
    np.testing.assert_array_equal(found[0].scores, found[1].scores)


def test_the_best_epoch_is_kept_and_training_stops_when_none_is_better() -> None:
    options = {"hidden": 8, "latent": 4, "learning_rate": 0.05, "batch_size": 20, "seed": 1}
    model = VAERecommender(epochs=60, patience=3, **options).fit(checkerboard())
    ran, best = model.metrics()["epochs"], model.metrics()["best"]
    assert best["ndcg"] == max(epoch["ndcg"] for epoch in ran) > 0.5
    assert len(ran) == min(60, best["number"] + 3)
    # As many epochs as the best one give the same network.
    short = VAERecommender(epochs=best["number"], patience=3, **options).fit(checkerboard())
    lists = [x.recommend(np.arange(40), 5).scores for x in (model, short)]
    np.testing.assert_array_equal(*lists)


def test_training_that_diverges_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = torch.full((16, 4), float("nan"))
    monkeypatch.setattr(training, "_noise", lambda options, shape, *key: broken[: shape[0]])
    model = VAERecommender(hidden=8, latent=4, epochs=2, batch_size=16)
    with pytest.raises(InputError, match=r"diverged in epoch 1 .*lower learning_rate"):
        model.fit(scattered())
