"""`check_recommender`: whether a type of recommender keeps what the service promises of all.

For the tests of a plug-in:

    from botify.testing import check_recommender

    def test_it_keeps_the_promises():
        check_recommender("change_artist", {"skipped_below": 0.3})

It plays sessions against a real Valkey, with a catalog, lists and neighbours of its own.
"""

import json
import math
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from botify.catalog import Catalog, pack, unpack
from botify.config import RECOMMENDERS, Config
from botify.errors import InputError
from botify.lists.loader import kind_of, load_list
from botify.plays import Play
from botify.recommenders import Recommender, Resources
from botify.session_model.live import LiveModel
from botify.store.client import StoreError, connect
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.keys import session_key
from botify.store.sessions import Decision, SessionStore

if TYPE_CHECKING:
    import redis

_NAME = "checked"
_ARTISTS, _TRACKS_EACH = 12, 5
_N_TRACKS = _ARTISTS * _TRACKS_EACH
_USERS = range(20)
"""Those that have lists."""
_LIST_LENGTH = 12
_TTL = 600
_NOBODY = -2
"""A user of our own requests."""
_SIGMAS = 5.0
"""Standard errors by which a share may differ from its propensity: a false alarm in a million."""


class CheckError(AssertionError):
    """The recommender does not keep a promise; the message says which, and where it showed."""


def check_recommender(
    kind: str | type[Recommender],
    config: Mapping[str, Any] | None = None,
    *,
    models: Mapping[str, LiveModel] | None = None,
    sessions: int = 20,
    draws: int = 1000,
    seed: int = 1,
) -> None:
    """Play with a recommender and raise CheckError if it breaks one of these promises.

    - Its settings are checked, and name what they need.
    - Each answer is a track of the catalog, whatever the session: long ones too, in which all
      tracks were seen, and those of users without lists.
    - It offers nothing that its config or the request excludes, and nothing that the session has
      seen, unless its `seen_filter` is off.
    - With a seed, the same requests get the same answers, and its draws use that seed alone.
    - Its propensities are honest: of many answers to the same request, each track has the share
      that is claimed for it, and the claims add up to 1.
    - It changes nothing but the session: not the catalog, not other keys of Redis, not the
      generators of `random` and numpy.

    Parameters
    ----------
    kind : str or type of Recommender
        The class, or the name of its entry point.
    config : mapping, optional
        Its settings besides `type`. Lists and neighbours that they name are made.
    models : mapping of str to LiveModel, optional
        The session models that they name.
    sessions : int
        Number of sessions of 30 plays.
    draws : int
        Number of answers to each of the requests whose propensities are checked.
    seed : int
        Of the plays and of what is drawn.

    Raises
    ------
    CheckError
        Names the first promise that is broken.
    """
    settings = dict(config or {})
    excluded = {3, 17} | set(settings.get("exclude", ()))
    with _made(kind, settings | {"exclude": sorted(excluded)}, models or {}) as checked:
        for number in range(sessions):
            checked.check_session(number, seed)
        checked.check_long_session(seed)
        checked.check_propensities(draws, seed)


@contextmanager
def _made(
    kind: str | type[Recommender], settings: dict[str, Any], models: Mapping[str, LiveModel]
) -> Iterator["_Checked"]:
    catalog = Catalog(
        [f"artist {track % _ARTISTS}" for track in range(_N_TRACKS)],
        [f"title {track}" for track in range(_N_TRACKS)],
    )
    found: type[Recommender] = RECOMMENDERS.get(kind) if isinstance(kind, str) else kind
    type_ = kind if isinstance(kind, str) else found.__name__
    try:
        entry = found.Config.model_validate({"type": type_, **settings})
    except ValueError as error:
        raise CheckError(f"its settings are refused: {error}") from error
    with tempfile.TemporaryDirectory() as folder:
        named: dict[str, dict[str, Path]] = {"lists": {}, "neighbours": {}, "models": {}}
        for _, section, name in entry.references():
            named[section][name] = Path(folder) / f"{section}-{name}.json"
        full = Config.model_validate(
            {
                "data_dir": folder,
                "top_tracks": "top.json",
                **named,
                "recommenders": {_NAME: entry},
                "default": _NAME,
            }
        )
        _write_lists(full, random.Random(7))
        try:
            made = found.from_config(_NAME, entry, Resources(catalog, models, full.list_owners))
        except Exception as error:
            raise CheckError(f"it cannot be made from its settings: {error!r}") from error
        with EmbeddedValkey() as server, connect(server.url) as client:
            for name, spec in full.list_files.items():
                load_list(client, name, spec, kind_of(full, name), _N_TRACKS)
            yield _Checked(made, catalog, client)


def _write_lists(config: Config, rng: random.Random) -> None:
    """Files of all lists that the config names; not every track has neighbours."""
    tracks = range(_N_TRACKS)

    def some() -> list[int]:
        return rng.sample(tracks, _LIST_LENGTH)

    for spec in config.lists.values():
        rows = [{"user": user, "tracks": some()} for user in _USERS]
        (config.data_dir / spec.file).write_text("\n".join(map(json.dumps, rows)) + "\n")
    for spec in config.neighbours.values():
        rows = [{"track": track, "recommendations": some()} for track in tracks if track % 7]
        (config.data_dir / spec.file).write_text("\n".join(map(json.dumps, rows)) + "\n")
    (config.data_dir / config.top_tracks).write_text(json.dumps(some()))


class _Checked:
    """The recommender with its surroundings."""

    def __init__(self, made: Recommender, catalog: Catalog, client: "redis.Redis") -> None:
        self._made = made
        self._catalog = catalog
        self._client = client
        self._store = SessionStore(client, _TTL, _N_TRACKS)
        self._excluded = set(unpack(made.exclude))

    def check_session(self, number: int, seed: int) -> None:
        """The same session twice, while other code draws other numbers in between."""
        user = number if number % 3 else 10**30 + number
        kept = random.getstate()
        answers = []
        try:
            for foreign in (1, 2):
                random.seed(foreign)
                with self._unchanged(user):
                    answers.append(list(self._session(user, seed, 30, number)))
        finally:
            random.setstate(kept)
        for step, (first, second) in enumerate(zip(*answers, strict=True)):
            if first != second:
                _broken(
                    f"with one seed, the same requests of user {user} got {first[0]}, then "
                    f"{second[0]}, at answer {step + 1}: draw from turn.rng alone, and keep no "
                    "state of sessions"
                )

    def check_long_session(self, seed: int) -> None:
        """More answers than there are tracks."""
        for _ in self._session(1, seed, _N_TRACKS + 20, 0, filters=False):
            pass

    def check_propensities(self, draws: int, seed: int) -> None:
        """Many answers to one request, at the start of a session and later in it."""
        rng = random.Random(seed)
        for user, length in ((2, 1), (5, 6), (10**30, 4)):
            *_, (track, time) = plays = [
                (rng.randrange(_N_TRACKS), 1.0 if i == 0 or i % 2 else 0.1) for i in range(length)
            ]
            for before in plays[:-1]:
                self._ask(user, Play(*before), (rng.random(), rng.random()))
            with self._unchanged(user):
                self._check_propensities(user, Play(track, time), draws, rng)

    def _check_propensities(self, user: int, play: Play, draws: int, rng: random.Random) -> None:
        key = session_key(str(user))
        session: dict[Any, Any] = dict(self._client.hgetall(key))
        counts: Counter[tuple[str, int]] = Counter()
        claims: dict[tuple[str, int], float] = {}
        for _ in range(draws):
            decision = self._ask(user, play, (rng.random(), rng.random()))
            with self._client.pipeline() as pipeline:
                pipeline.delete(key)
                if session:
                    pipeline.hset(key, mapping=session)
                pipeline.execute()
            if decision.propensity is None:
                continue
            answer = decision.recommender, decision.track
            counts[answer] += 1
            if abs(claims.setdefault(answer, decision.propensity) - decision.propensity) > 1e-9:
                _broken(
                    f"the same request was answered with track {decision.track} with propensity "
                    f"{claims[answer]:.4g}, then {decision.propensity:.4g}"
                )
        for name in {name for name, _ in counts}:
            _check_shares(
                {track: n for (by, track), n in counts.items() if by == name},
                {track: p for (by, track), p in claims.items() if by == name},
            )

    def _session(
        self, user: int, seed: int, length: int, number: int, filters: bool = True
    ) -> Iterator[tuple[int, float | None]]:
        """Track and propensity of each answer, checked; the session is ended."""
        rng = random.Random(seed * 1000 + number)
        track, time = rng.randrange(_N_TRACKS), 1.0
        seen = {track}
        for _ in range(length):
            barred = set(rng.sample(range(_N_TRACKS), 3)) if rng.random() < 0.3 else set()
            decision = self._ask(user, Play(track, time, pack(sorted(barred))), ("seed", seed))
            track, by = decision.track, decision.recommender
            if track in self._excluded | barred:
                _broken(f"it offered track {track}, which is excluded")
            if filters and self._made.config.seen_filter and by == _NAME and track in seen:
                _broken(f"it offered track {track}, which the session has seen, again")
            seen.add(track)
            yield track, decision.propensity
            time = round(rng.uniform(0, 0.3) if rng.random() < 0.4 else rng.uniform(0.6, 1), 2)
        self._client.delete(session_key(str(user)))

    def _ask(self, user: int, play: Play, randomness: Any) -> Decision:
        """One valid answer."""
        try:
            decision = self._made.recommend(
                self._store, user, play, randomness, self._made.exclude + play.exclude
            )
        except (StoreError, InputError):
            raise
        except Exception as error:
            raise CheckError(f"it failed after {play[:2]} of user {user}: {error!r}") from error
        if type(decision.track) is not int or not 0 <= decision.track < _N_TRACKS:
            _broken(f"it answered {decision.track!r}, which is no track of the catalog")
        if decision.propensity is not None and not 0 < decision.propensity <= 1:
            _broken(f"it claims a propensity of {decision.propensity}")
        if self._made.needs_plays:
            self._store.last(_NOBODY)  # now what was sent without waiting is carried out as well
        return decision

    @contextmanager
    def _unchanged(self, user: int) -> Iterator[None]:
        """Nothing but the user's session may change."""
        before = self._surroundings(user)
        yield
        for what, now in self._surroundings(user).items():
            if now != before[what]:
                _broken(f"it changed {what}")

    def _surroundings(self, user: int) -> dict[str, object]:
        keys: Any = self._client.keys()
        own = {session_key(str(each)).encode() for each in (user, _NOBODY)}
        numpy = sys.modules.get("numpy")
        return {
            "the state of the module random: draw from turn.rng": random.getstate(),
            "the state of numpy.random: draw from turn.rng": (
                repr(numpy.random.get_state()) if numpy else ""
            ),
            "the catalog": self._catalog.artist_numbers,
            "keys of Redis besides the session": sorted({*keys} - own),
        }


def _check_shares(counts: Mapping[int, int], claims: Mapping[int, float]) -> None:
    """Whether counts of independent answers fit the probabilities claimed for them."""
    total = sum(counts.values())
    for track, count in counts.items():
        expected = total * claims[track]
        allowed = _SIGMAS * math.sqrt(expected * (1 - claims[track])) + 1
        if abs(count - expected) > allowed:
            _broken(
                f"track {track} was {count} of {total} answers to one request, but its "
                f"propensity is {claims[track]:.4g}, which is {expected:.0f}"
            )
    claimed = sum(claims.values())
    # Good-Turing: what was never drawn has about the share of what was drawn once.
    once = sum(count == 1 for count in counts.values())
    unseen = (once + _SIGMAS * math.sqrt(once + 1)) / total
    if not 1 - unseen - 1e-6 <= claimed <= 1 + 1e-6:
        _broken(f"the propensities of the answers to one request add up to {claimed:.4g}, not 1")


def _broken(promise: str) -> NoReturn:
    raise CheckError(promise)
