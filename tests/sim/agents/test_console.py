"""A person in the terminal: what is shown, what is found, and how to leave."""

from collections.abc import Callable
from dataclasses import replace

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from sim.agents.console import Console, Quit, Search
from sim.engine.play import play
from sim.engine.sessions import EndedSessions
from sim.world import Catalog, World

MakeWorld = Callable[..., World]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


def converse(world: World, said: str, sessions: int = 1) -> tuple[Result, list[EndedSessions]]:
    """What a person sees who says this, and the sessions that ended."""
    ended: list[EndedSessions] = []

    @click.command()
    def command() -> None:
        play(world, Console(), seed=3, episodes=range(sessions), batch=1, progress=ended.append)

    return CliRunner().invoke(command, input=said, standalone_mode=False), ended


def test_each_answer_is_followed_by_what_was_heard_of_it(make_world: MakeWorld) -> None:
    world = make_world(session_budget=3, consume_bias=-9.0, artist_discount_gamma=1.0)
    # Unheard tracks are played in full; the same track again is not played at all.
    first = 12
    said = f"{first}\n" * 40
    result, ended = converse(world, said)
    assert result.exception is None
    artist = world.catalog.artist(first)
    lines = [line for line in result.output.splitlines() if line.startswith("User ")]
    assert "played 100% of" in lines[0]
    assert "so far" not in lines[0]
    assert (
        f"played 100% of 12: {artist} – title 12 (1 track of yours so far, 1.00 heard)"
        in (lines[1])
    )
    assert f"played 0% of 12: {artist} – title 12 (2 tracks of yours so far, 1.00" in lines[2]
    assert lines[-1].endswith("left.")
    assert ended[0].rewards.tolist() == [1.0]


def test_the_total_is_of_one_session_alone(make_world: MakeWorld) -> None:
    world = make_world(session_budget=1, consume_bias=2.0)
    result, ended = converse(world, "1\n2\n3\n4\n5\n" * 40, sessions=5)
    assert result.exception is None
    lasts = [line for line in result.output.split("left.") for line in [line.splitlines()] if line]
    shown = [float(lines[-2].split(", ")[-1].split()[0]) for lines in lasts[:5]]
    assert shown == pytest.approx([float(over.rewards[0]) for over in ended])
    assert len(ended) == 5


def test_neither_taste_nor_patience_is_told(make_world: MakeWorld) -> None:
    """Listeners that differ in their secrets alone, and so far answer alike, look alike."""
    first, second = (
        make_world(session_budget=budget, consume_bias=-9.0, artist_discount_gamma=1.0)
        for budget in (2, 7)
    )
    said = "1\n2\n3\nquit\n"
    assert converse(first, said)[0].output == converse(second, said)[0].output


@pytest.mark.parametrize("word", ["?", "help"])
def test_help_is_shown_at_the_start_and_when_asked_for(world: World, word: str) -> None:
    assert converse(world, "quit\n")[0].output.count("shows this again") == 1
    result, _ = converse(world, f"{word}\n{word}\nquit\n")
    assert result.output.count("shows this again") == 3


@pytest.mark.parametrize("number", ["60", "999", "1" * 19])
def test_a_number_that_is_no_track_is_told_which_are(world: World, number: str) -> None:
    result, _ = converse(world, f"{number}\nquit\n")
    assert f"{number} is no track: tracks are 0 to 59" in result.output


def test_a_number_that_is_no_track_is_still_looked_for_in_names(
    make_world: MakeWorld,
) -> None:
    world = replace(make_world(n_tracks=9), catalog=TRACKS)
    result, _ = converse(world, "1979\nquit\n")
    assert "1979 is no track: tracks are 0 to 8\n8: Die Ärzte – 1979\n" in result.output


def test_digits_beyond_any_number_are_text(world: World) -> None:
    result, _ = converse(world, "9" * 5000 + "\nquit\n")
    assert isinstance(result.exception, Quit)
    assert "no artist or title has" in result.output


def test_twenty_of_many_matches_are_shown(world: World) -> None:
    result, _ = converse(world, "title\nquit\n")
    assert result.output.count("– title") == 20 + 1  # and the one that was played
    assert "... and 40 more" in result.output


@pytest.mark.parametrize("said", ["quit\n", "", "title 3\n"], ids=["word", "end", "later end"])
def test_leaving_keeps_the_sessions_that_ended(world: World, said: str) -> None:
    result, ended = converse(world, said, sessions=2)
    assert isinstance(result.exception, Quit)
    assert ended == []
    answers = "7\n" * 200
    n = converse(world, answers)[1][0].steps[0]
    result, ended = converse(world, "7\n" * int(n) + said, sessions=2)
    assert isinstance(result.exception, Quit)
    assert [over.episodes.tolist() for over in ended] == [[0]]


def test_uncaught_leaving_ends_a_command_without_a_traceback(world: World) -> None:
    @click.command()
    def command() -> None:
        play(world, Console(), seed=3, episodes=range(1), batch=1)

    result = CliRunner().invoke(command, input="quit\n")
    assert result.exit_code == 1
    assert result.output.endswith("Aborted!\n")


def catalog(*tracks: tuple[str, str]) -> Catalog:
    artists = sorted({artist for artist, _ in tracks})
    of = np.array([artists.index(artist) for artist, _ in tracks], dtype=np.int32)
    return Catalog([title for _, title in tracks], artists, of)


TRACKS = catalog(
    ("The Beatles", "Help!"),  # 0
    ("Björk", "Army of Me"),  # 1
    ("Sigur Rós", "Svefn-g-englar"),  # 2
    ("Röyksopp", "What Else Is There?"),  # 3
    ("Motörhead", "Beatles  of Spades"),  # 4
    ("Beat Happening", "Indian Summer"),  # 5
    ("Someone", "I love the beatles"),  # 6
    ("Ørsted", "Straße"),  # 7
    ("Die Ärzte", "1979"),  # 8
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bjork", [1]),
        ("BJÖRK", [1]),
        ("bjo\u0308rk", [1]),  # the accent a letter of its own
        ("rós sigur", [2]),
        ("orsted strasse", [7]),
        ("me björk", [1]),  # one word in the title, one in the artist
        ("beatles", [4, 0, 6]),
        ("the beatles", [0, 6]),
        ("beat", [4, 5, 0, 6]),
        ("beatles of", [4]),
        ("  army   OF ", [1]),
        ("there?", [3]),
        ("beatles björk", []),
        ("1979", [8]),
        ("", []),
        ("   ", []),
        ("\u0301", []),
    ],
)
def test_a_search_finds_all_words_and_the_best_first(text: str, found: list[int]) -> None:
    assert Search(TRACKS).find(text) == found


def test_a_word_never_spans_two_names() -> None:
    assert Search(catalog(("one", "two"), ("onetwo", "x"))).find("onetwo") == [1]


def test_matches_of_one_kind_come_in_the_order_of_ids(make_world: MakeWorld) -> None:
    numbers = [str(track) for track in range(2000)]
    found = Search(make_world(n_tracks=2000).catalog).find("title 19")
    starts = [track for track in range(2000) if numbers[track].startswith("19")]
    rest = [track for track in range(2000) if "19" in numbers[track] and track not in starts]
    assert found == starts + rest
