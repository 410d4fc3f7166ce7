"""The fields of a log's lines."""

from contract.events import FIELDS, REQUIRED
from sim.logs.origin import Origin
from sim.logs.rows import schema_of


def test_the_fields_are_those_of_the_contract() -> None:
    names = schema_of(Origin("run", "version")).names
    assert {*REQUIRED, "recommendation"} <= set(names) <= set(FIELDS)
    assert len(set(names)) == len(names)
