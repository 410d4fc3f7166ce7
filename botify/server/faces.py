"""What a face reads at the start, besides the lists: catalog, models, popular tracks or items."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from botify.api.api_keys import read_api_keys
from botify.catalog import Catalog, load_catalog
from botify.config import (
    POPULAR_LIST,
    TOP_TRACKS,
    AnyConfig,
    Config,
    RatingsConfig,
    ShopConfig,
    recommender_types_of,
)
from botify.factors import Snapshot
from botify.files.reading import as_input_errors
from botify.files.tempdirs import temporary_directory
from botify.lists.item_reader import read_item_lists
from botify.lists.reader import ListKind, read_lists
from botify.ratings.recommenders import check_rating_recommenders
from botify.recommenders import Resources, build_recommenders
from botify.server.data_sync import SyncJob, WatchedModels
from botify.server.event_recovery import EventRecovery
from botify.server.item_sync import ItemSync
from botify.session_model.live import LiveModel
from botify.session_model.repository import FileRepository, ModelRepository
from botify.shop.category_file import read_categories
from botify.shop.live_ranker import put_ranker
from botify.shop.ranking import build_with_rankers, live_rankers, ranker_sources
from botify.store.item_journal import JOURNAL, ItemJournal
from contract.plugins import Plugins

_log = logging.getLogger("botify.server.faces")


class FaceData(NamedTuple):
    """What was read."""

    what: str
    """What is served, for the line at the start; "" where the lists say it."""
    popular: bytes
    """For the fallback, packed as in Redis."""
    build: Callable[[Any], Mapping[str, object]]
    """Builds the recommenders of a config. Raises InputError if it does not fit what was read."""
    catalog: Catalog | None = None
    repository: FileRepository | None = None
    models: WatchedModels | None = None
    """Those of `repository`, with their files."""
    versions: Mapping[str, str] = MappingProxyType({})
    """Of publications of factors, by the recommender."""
    jobs: tuple[SyncJob, ...] = ()
    """What is kept in Redis besides the lists."""

    @property
    def model_names(self) -> list[str]:
        """Names of the models."""
        return list(self.models.files) if self.models else []

    @property
    def models_are(self) -> str:
        """What they are, in words."""
        return self.models.what if self.models else ""

    def model_version(self, name: str) -> str:
        """The version of a model."""
        return self.models.repository.version(name) if self.models else ""

    @property
    def n_tracks(self) -> int:
        """Of the catalog; 0 without one."""
        return 0 if self.catalog is None else len(self.catalog)


def files_of(config: AnyConfig) -> list[Path]:
    """All files that must be there at the start."""
    lists = [of.file for of in config.list_files.values()]
    if isinstance(config, ShopConfig):
        return [*lists, *config.ranker_files.values()]
    if not isinstance(config, Config):
        return lists
    return [config.catalog_path, *lists, *config.model_files.values()]


def read_face(config: AnyConfig, stack: ExitStack) -> FaceData:
    """Read and check it all; `stack` removes the copies of models. Raises InputError."""
    _load_plugins(recommender_types_of(config.face))
    if isinstance(config, RatingsConfig):
        found = check_rating_recommenders(config)
        versions = {name: each.version for name, each in found.items()}
        what = _published(list(found.values()))
        return FaceData(what, b"", check_rating_recommenders, versions=versions)
    if isinstance(config, ShopConfig):
        file = config.list_files[POPULAR_LIST].file
        with as_input_errors(file):
            ((_, popular),) = read_item_lists(file, ListKind.POPULAR_ITEMS)
        read_api_keys(config.api_keys)
        read_categories(config.rules.categories)
        journal = ItemJournal(config.log_dir / JOURNAL)
        with as_input_errors(journal.path):
            journal.compact()
        jobs = (ItemSync(journal), EventRecovery(config))
        watched = _rankers(config, stack)
        rankers = live_rankers(config, watched.repository if watched else None)

        def build(of: ShopConfig) -> Mapping[str, object]:
            for ranker in rankers.values():
                ranker.refresh()
            return build_with_rankers(of, rankers)

        build(config)  # so that mistakes are reported before workers start
        repository = watched.repository if watched else None
        return FaceData("", popular, build, None, repository, watched, jobs=jobs)
    with as_input_errors(config.catalog_path):
        catalog = load_catalog(config.catalog_path)
    repository = ModelRepository(stack.enter_context(temporary_directory("models")))
    for name, path in config.model_files.items():
        with as_input_errors(path):
            repository.put(name, path, len(catalog))
    models = {name: LiveModel(name, repository, catalog) for name in config.models}
    resources = Resources(catalog, models)
    build_recommenders(config, resources)  # as above
    file = config.list_files[TOP_TRACKS].file
    with as_input_errors(file):
        ((_, popular),) = read_lists(file, ListKind.TOP, len(catalog))
    n_tracks = len(catalog)
    watched = WatchedModels(
        repository,
        config.model_files,
        lambda name, path, min_kept: repository.put(name, path, n_tracks, min_kept),
    )
    return FaceData(
        f"{len(catalog):,} tracks",
        popular,
        lambda changed: build_recommenders(changed, resources),
        catalog,
        repository,
        watched,
    )


def _rankers(config: ShopConfig, stack: ExitStack) -> WatchedModels | None:
    """Put into service; None where the config has none."""
    if not config.rankers:
        return None
    sources = ranker_sources(config)
    repository = FileRepository(stack.enter_context(temporary_directory("rankers")))

    def put(name: str, path: Path, _: float = 0.0) -> str:
        return put_ranker(repository, name, path, sources[name])

    for name, path in config.ranker_files.items():
        with as_input_errors(path):
            put(name, path)
    return WatchedModels(repository, config.ranker_files, put, "ranker")


def _published(snapshots: list[Snapshot]) -> str:
    """What publications have, in words."""
    found = {snapshot.version: snapshot for snapshot in snapshots}
    return " and ".join(
        f"{each.manifest.items:,} items to {each.manifest.users:,} users "
        f"({each.manifest.model}, version {version})"
        for version, each in found.items()
    )


def _load_plugins(types: Plugins) -> None:
    """All, used or not: before workers are forked, which so share what was imported."""
    types.load_added()
    for problem in types.problems:
        _log.error("%s", problem)
