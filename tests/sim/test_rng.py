"""Random numbers: the published generator, and one stream per session and purpose."""

import numpy as np
import pytest

from sim.rng import AGENT, LISTENER, Streams, philox4x32, pick

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers_of_its_authors(
    counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]
) -> None:
    assert philox4x32(*map(np.uint64, (*counter, *key))) == words


def test_uniforms_lie_in_the_half_open_unit_interval_and_look_uniform() -> None:
    first, second = Streams(1).uniforms(LISTENER, np.arange(100_000), 0)
    for values in (first, second):
        assert values.min() >= 0.0
        assert values.max() < 1.0
        # The mean of n uniforms has standard deviation 0.289 / sqrt(n).
        assert abs(values.mean() - 0.5) < 5 * 0.289 / np.sqrt(len(values))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))


def test_the_largest_word_still_gives_less_than_one() -> None:
    assert int(pick(np.array([1 - 2.0**-53]), 2**31)[0]) == 2**31 - 1


def test_purpose_episode_draw_and_seed_each_give_other_numbers() -> None:
    episodes = np.arange(50)
    drawn = [
        Streams(seed).uniforms(purpose, episodes + shift, draw)[i]
        for seed in (0, 1, 2**32, 2**64 - 1)
        for purpose in (LISTENER, AGENT)
        for shift in (0, 2**32)
        for draw in (0, 1, 2**31 - 1)
        for i in (0, 1)
    ]
    values = np.concatenate(drawn)
    assert len(np.unique(values)) == len(values)


def test_a_number_does_not_depend_on_the_others_asked_for() -> None:
    streams = Streams(9)
    together, _ = streams.uniforms(AGENT, np.arange(20), np.arange(20) % 3)
    alone = [
        streams.uniforms(AGENT, np.array([episode]), episode % 3)[0][0] for episode in range(20)
    ]
    assert together.tolist() == alone


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_outside_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed {seed} is not in"):
        Streams(seed)
