"""config/train.yml: which model is trained, and its options; those of the autoencoder."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from offline.errors import InputError, check_regular


class Options(BaseModel):
    """Options with names, types, defaults and bounds; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def of(cls, values: Mapping[str, Any], whose: str) -> Self:
        """From values by name, for `whose` (a model, or a file), whom errors name.

        Raises InputError for an unknown option, which names the nearest, and for a bad value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{whose}: {_fault(cls, first['loc'], first)}") from error


def nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """The names there are, and which of them `name` may have meant: the end of an error."""
    close = get_close_matches(name, list(known), 1, 0.5)
    meant = f"do you mean {close[0]}? " if close else ""
    return f"{meant}there are {', '.join(known)}" if known else "there are none"


def _fault(options: type[BaseModel], place: tuple[int | str, ...], error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return f"{'.'.join(map(str, place))}: {error['msg']}"
    *parents, name = map(str, place)
    for parent in parents:  # the options that the unknown one stands among
        found = options.model_fields[parent].annotation
        parts = [found, *getattr(found, "__args__", ())]
        options = next(x for x in parts if isinstance(x, type) and issubclass(x, BaseModel))
    return f"unknown key {'.'.join(map(str, place))}: {nearest(name, list(options.model_fields))}"


class SessionOptions(Options):
    """Options of the session model, which is trained on top of the autoencoder."""

    dimensions: PositiveInt = 24
    """Of tastes and tracks in the model of how much is heard."""
    epochs: PositiveInt = 20
    """Over all plays."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Of Adagrad."""
    decoder_rank: PositiveInt = 64
    """Of the decoder as sessions use it, which makes a request cheaper: its 300 columns in as many
    directions as matter. 32 and 128 gave sessions of the same length, within 0.3 %."""
    decay: float = Field(default=1e-4, ge=0, le=1)
    """Pull of tastes and tracks towards 0."""
    weight: float = Field(default=3.0, gt=0)
    """The weight of a standard deviation of both scores together."""
    listening_share: float | None = Field(default=None, ge=0, le=1)
    """How much of that is the listening score's, the rest being the autoencoder's; null: chosen on
    held-out sessions."""
    offset: float = -3.0
    """P(like) = sigmoid(offset) for a track that scores like the average one. At -5, sessions are
    5 % shorter: nearly as good tracks by artists not yet played must not be left for later."""
    skip_weight: float = Field(default=0.5, ge=0, le=1)
    """The weight of the skipped part of a track against it, relative to that of its heard part
    for it."""
    use_history: bool = True
    """Whether the user's history is used besides the session."""
    use_session: bool = True
    """Whether the session's plays are used, beyond the taste that they point to."""
    use_artists: bool = True
    """Whether artists that the session has played count for less, as much as the log says."""
    held_out_sessions: float = Field(default=0.05, gt=0, lt=1)
    """Share of the sessions on which scores are weighed and the ranking is measured."""
    seed: int = Field(default=31337, ge=0, lt=2**63)


class TrainOptions(Options):
    """Options of the denoising autoencoder and its training; unknown keys are refused.

    Examples
    --------
    >>> from offline import TrainOptions
    >>> options = TrainOptions(hidden=(100,), epochs=5)
    >>> options.dropout, options.model_copy(update={"dropout": 0.0}).dropout
    (0.5, 0.0)
    """

    hidden: tuple[PositiveInt, ...] = Field(default=(300,), min_length=1)
    """Sizes of the tanh layers between the tracks and the logits."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of a user's tracks left out of the input, anew each time."""
    learning_rate: float = Field(default=5e-3, gt=0, le=1)
    """Of Adam."""
    weight_decay: float = Field(default=0.0, ge=0)
    """L2 penalty that Adam adds to the gradients."""
    batch_size: PositiveInt = 500
    """Users a step, over all processes together."""
    epochs: PositiveInt = 100
    """At most."""
    patience: PositiveInt = 5
    """Stop after this many epochs without a better held-out NDCG@50, after the first 50 steps."""
    held_out_users: float = Field(default=0.2, gt=0, le=1)
    """Share of the users some of whose interactions are held out."""
    held_out_most: PositiveInt = 10_000
    """Hold out interactions of no more users than this."""
    held_out_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of those users' interactions."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the products over the catalog; auto: bfloat16 where the CPU or GPU has it in hardware."""
    checkpoint_seconds: float = Field(default=60.0, ge=0)
    """Save a checkpoint after an epoch or step when this much time has passed since the last."""
    seed: int = Field(default=31337, ge=0, lt=2**63)
    sessions: SessionOptions | None = None
    """Train the session model too; null: the autoencoder alone."""


class ModelChoice(NamedTuple):
    """The model that a file of options is about."""

    model: str
    options: dict[str, Any]


def load_model_options(path: Path) -> ModelChoice:
    """Read `model: {type: NAME, option: value, ...}` from a YAML file such as config/train.yml.

    A file without `model` holds options of `dae`. Raises InputError for a file that cannot be
    read, or that is something else, and for an unknown key beside `model` or in its place, which
    names the nearest; values are not checked.
    """
    content = _read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected options by name, such as `model: {{type: als}}`")
    if "model" not in content:
        known = ["model", *TrainOptions.model_fields]
        if unknown := [str(key) for key in content if key not in known]:
            raise InputError(f"{path}: unknown key {unknown[0]}: {nearest(unknown[0], known)}")
        return ModelChoice("dae", content)
    if others := [str(key) for key in content if key != "model"]:
        raise InputError(
            f"{path}: unknown key {others[0]}: the options of a model stand below `model`"
        )
    model = content["model"]
    if isinstance(model, str):
        return ModelChoice(model, {})
    if not isinstance(model, dict) or not isinstance(model.get("type"), str):
        raise InputError(f"{path}: model: expected its name as `type`, and its options")
    return ModelChoice(model["type"], {key: x for key, x in model.items() if key != "type"})


def settings(texts: Iterable[str]) -> dict[str, Any]:
    """Options from texts like `factors=128` or `sessions.epochs=3`, values in YAML.

    Raises InputError for a text without a name or a value, and for an option that is set twice.
    """
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InputError(f"--set {text}: expected OPTION=VALUE, such as factors=128")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {text}: {' '.join(str(error).split())}") from error
        if twice := [other for other in seen if f"{name}.".startswith(f"{other}.")]:
            raise InputError(f"--set {text}: {twice[0]} is set already; say it once")
        if within := [other for other in seen if other.startswith(f"{name}.")]:
            raise InputError(f"--set {text}: {within[0]} is set already; say it once")
        seen.add(name)
        *parents, last = name.split(".")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = parsed
    return found


def overridden(options: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with others in the place of some; within those of a part, too."""
    found = dict(options)
    for name, value in by.items():
        within = found.get(name)
        both = isinstance(within, Mapping) and isinstance(value, Mapping)
        found[name] = overridden(within, value) if both else value  # type: ignore[arg-type]
    return found


def load_options(path: Path) -> TrainOptions:
    """Read and validate the options of the denoising autoencoder.

    Parameters
    ----------
    path : Path
        A YAML file like config/train.yml; keys that it lacks have their defaults.

    Returns
    -------
    TrainOptions

    Raises
    ------
    InputError
        For a file that cannot be read, an unknown key or a bad value; names the file and the key.

    Examples
    --------
    >>> from pathlib import Path
    >>> from offline import load_options
    >>> _ = Path("train.yml").write_text("model: {type: dae, epochs: 3}")
    >>> load_options(Path("train.yml")).epochs
    3
    """
    model, options = load_model_options(path)
    if model != "dae":
        raise InputError(f"{path}: options of {model}, not of dae")
    return TrainOptions.of(options, str(path))


def _read_yaml(path: Path) -> Any:
    check_regular(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {} if content is None else content
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error.reason}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
