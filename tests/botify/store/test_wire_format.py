"""The order of the scripts' arguments: the same in Lua and in Python."""

import re
from typing import Any

import pytest
import redis

from botify.store.candidates import CandidateStep, from_catalog, from_list
from botify.store.client import Script, script_text
from botify.store.keys import LIST_VERSIONS, session_key
from botify.store.sessions import SessionStore

Calls = dict[str, tuple[Any, Any]]
STEPS = (from_list("dae", "dae", "7", "first"), from_catalog("random"))


def declared(script: str, start: str) -> list[str]:
    """Names that the script gives to its arguments from `start` on, in order."""
    names = re.search(rf"local ([\w, ]+?)\s*=\s*unpack\(ARGV{start}", script_text(script))
    assert names, script
    return names[1].split(", ")


@pytest.fixture
def sent(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Keys and arguments of the call of each script by a session's requests."""
    calls: Calls = {}
    scripts = ("next", "last", "open_session", "mark_offered", "record_fallback")
    name_of = {script_text(name): name for name in scripts}

    def spy(method: str) -> None:
        original = getattr(Script, method)

        def call(script: Any, keys: Any, arguments: Any) -> Any:
            calls[name_of[script._text]] = (keys, list(arguments))
            return original(script, keys, arguments)

        monkeypatch.setattr(Script, method, call)

    spy("__call__")
    spy("send")
    store = SessionStore(client, session_ttl=100, n_tracks=50)
    store.next(7, 3, STEPS, (0.25, 0.75), b"\1\0\0\0", 0.5)
    snapshot = store.open_session(8, 4, 0.5, ("seed", 11))
    store.mark_offered(8, snapshot.session, 9)
    store.record_fallback(8, b"")
    store.last(8, late=12)
    return calls


def test_arguments_have_the_names_that_lua_gives_them(sent: Calls) -> None:
    def named(script: str) -> dict[str, Any]:
        return dict(zip(declared(script, r"(?:, 1, 9)?\)"), sent[script][1], strict=False))

    def now(values: dict[str, Any]) -> bool:
        return bool(values.pop("sent_at") > 1_700_000_000_000)

    following = named("next")
    assert now(following)
    assert following == {
        "user": "7",
        "played": 3,
        "session_ttl": 100,
        "n_tracks": 50,
        "random_1": 0.25,
        "random_2": 0.75,
        "excluded": b"\1\0\0\0",
        "time": 0.5,
    }
    opening = named("open_session")
    assert now(opening)
    assert opening == {
        "user": "8",
        "played": 4,
        "time": 0.5,
        "session_ttl": 100,
        "random_1": "seed",
        "random_2": 11,
    }
    session = sent["mark_offered"][1][0]
    assert named("mark_offered") == {"session_id": session, "offered": 9}
    assert session.startswith("8-")
    assert named("record_fallback") == {"user": "8", "session_ttl": 100, "answers": b""}
    assert named("last") == {"user": "8", "session_ttl": 100, "sent_at": 12, "late": "late"}


def test_no_argument_is_without_a_name(sent: Calls) -> None:
    for script, (_, arguments) in sent.items():
        steps = 4 * len(STEPS) if script == "next" else 0
        assert len(arguments) == len(declared(script, "")) + steps, script


def test_steps_are_sent_as_lua_reads_them(sent: Calls) -> None:
    fields = declared("next", ", first")
    assert fields == list(CandidateStep._fields[1:])
    assert sent["next"][1][9:] == [getattr(step, name) for step in STEPS for name in fields]
    assert "local FIRST_STEP = 10" in script_text("next")


def test_keys(sent: Calls) -> None:
    assert sent["next"][0] == (session_key("7"), LIST_VERSIONS)
    others = {script: keys for script, (keys, _) in sent.items() if script != "next"}
    assert set(others.values()) == {(session_key("8"),)}
