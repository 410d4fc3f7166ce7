"""What other editions of this family write in env.yml, and their defaults."""

from collections.abc import Mapping
from typing import Any

FAMILIES: dict[str, dict[str, float]] = {
    "2022": {"default_artist_discount_gamma": 0.9},
    "2024": {"default_artist_discount_gamma": 0.8},
    "2025": {"default_artist_discount_gamma": 0.8},
    "2026": {"default_artist_discount_gamma": 0.8},
}
"""Defaults of `user_catalog_config` that differ between editions; see docs/editions.md."""

# Sections and keys of the 2026 env.yml that only its generator of worlds reads.
_GENERATOR_SECTIONS = ("artists_config",)
_GENERATOR_USER_KEYS = ("users", "model")
_TRACK_KEYS_READ = ("tracks_path", "tracks_embeddings_path")


def without_generator_keys(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The content of an env.yml without the keys of its generator, and the names of those keys."""
    kept: dict[str, Any] = {}
    removed: list[str] = []
    for section, values in content.items():
        if section in _GENERATOR_SECTIONS:
            removed.append(section)
        elif isinstance(values, dict):
            kept[section] = {}
            for key, value in values.items():
                if _is_generator_key(section, key):
                    removed.append(f"{section}.{key}")
                else:
                    kept[section][key] = value
        else:
            kept[section] = values
    return kept, removed


def _is_generator_key(section: str, key: object) -> bool:
    if not isinstance(key, str):
        return False
    if section == "track_catalog_config":
        return key.startswith("tracks_") and key not in _TRACK_KEYS_READ
    return section == "user_catalog_config" and key in _GENERATOR_USER_KEYS
