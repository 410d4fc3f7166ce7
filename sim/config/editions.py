"""What other editions of this family call things in env.yml, and what they set otherwise."""

from collections.abc import Mapping
from typing import Any

FAMILIES: dict[str, dict[str, float]] = {
    "2022": {"default_artist_discount_gamma": 0.9},
    "2024": {"default_artist_discount_gamma": 0.8},
    "2025": {"default_artist_discount_gamma": 0.8},
    "2026": {"default_artist_discount_gamma": 0.8},
}
"""Defaults of `user_catalog_config` by edition, where any edition differs; docs/editions.md."""

# Sections and keys of the 2026 env.yml that say how its files were made, which is done by then.
_MADE_SECTIONS = ("artists_config",)
_MADE_USERS = ("users", "model")
_READ_TRACKS = ("tracks_path", "tracks_embeddings_path")


def without_making(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The content of an env.yml without the keys about how its files were made, and those keys."""
    kept: dict[str, Any] = {}
    made: list[str] = []
    for section, values in content.items():
        if section in _MADE_SECTIONS:
            made.append(section)
        elif isinstance(values, dict):
            kept[section] = {}
            for key, value in values.items():
                if _is_making(section, key):
                    made.append(f"{section}.{key}")
                else:
                    kept[section][key] = value
        else:
            kept[section] = values
    return kept, made


def _is_making(section: str, key: object) -> bool:
    if not isinstance(key, str):
        return False
    if section == "track_catalog_config":
        return key.startswith("tracks_") and key not in _READ_TRACKS
    return section == "user_catalog_config" and key in _MADE_USERS
