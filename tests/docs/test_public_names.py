"""Every public name, and every public part of a public class, says what it is."""

import importlib
import inspect

import pytest

PACKAGES = ("botify.recommenders", "offline", "offline.experiment", "sim")
CLASSES = [
    pytest.param(value, id=f"{package}.{name}")
    for package in PACKAGES
    for name in importlib.import_module(package).__all__
    if inspect.isclass(value := getattr(importlib.import_module(package), name))
]


@pytest.mark.parametrize("public", CLASSES)
def test_the_parts_of_a_class_are_described(public: type) -> None:
    fields = inspect.get_annotations(public)
    parts = {
        name: getattr(public, name)
        for name, value in vars(public).items()
        if not name.startswith("_")
        and name not in fields  # described beneath them
        and (callable(value) or isinstance(value, classmethod | staticmethod | property))
    }
    assert [name for name, value in parts.items() if not inspect.getdoc(value)] == []
