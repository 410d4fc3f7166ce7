"""The chains that have a name, such as `top_pop` or `indexed`: contract/chain_presets.py."""

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from botify.config import ListName, NeighboursName
from botify.recommenders.chain import Chain, ChainConfig
from contract.chain_presets import PRESETS
from contract.chains import Owner, Step


class PresetConfig(ChainConfig):
    """The settings of a preset, which its type names."""

    @model_validator(mode="before")
    @classmethod
    def _own_seen_filter(cls, values: dict[str, Any]) -> dict[str, Any]:
        preset = PRESETS[values["type"]]
        if "seen_filter" in values and not preset.takes_seen_filter:
            raise ValueError(
                f"{values['type']} has no seen_filter: its name says which tracks it offers; "
                "use another type, or a chain"
            )
        return {"seen_filter": preset.seen_filter, **values}

    def chain(self, owners: Mapping[str, Owner]) -> tuple[Step, ...]:
        """As in ChainConfig."""
        preset = PRESETS[self.type]
        name = getattr(self, preset.setting) if preset.setting else ""
        return preset.chain(name, seen_filter=self.seen_filter)


class Preset(Chain):
    """A preset over the catalog, the popular tracks or an artist's."""

    @classmethod
    def describe(cls, kind: str) -> str:
        """As in Recommender: what the preset means."""
        meaning = PRESETS[kind].meaning
        return f"{meaning[0].upper()}{meaning[1:]}."

    class Config(PresetConfig):
        """Has none of its own."""


class ListPreset(Preset):
    """A preset over lists of users."""

    class Config(PresetConfig):
        """Names the lists."""

        list: ListName


class NeighboursPreset(Preset):
    """A preset over neighbours of tracks."""

    class Config(PresetConfig):
        """Names the neighbours."""

        neighbours: NeighboursName
