"""No text of the site lacks its Spanish or its Russian."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

WEB = Path(__file__).parents[3] / "web"
KEYWORDS = {
    name: spec
    for names, spec in (
        (("_", "gettext", "gettext_lazy", "gettext_noop"), None),
        (("ngettext", "ngettext_lazy"), (1, 2)),
    )
    for name in names
}
PLACE = re.compile(r"%\((\w+)\)")


def texts() -> set[str]:
    """Every text in the code and the templates that is to be translated."""
    found = set()
    for path in [*WEB.rglob("*.py"), *WEB.rglob("*.html")]:
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            source = templatize(source)
        for _line, message, *_rest in extract(
            "python", BytesIO(source.encode()), keywords=KEYWORDS
        ):
            found.add(message if isinstance(message, str) else message[0])
    return found


def catalogue(language: str) -> Catalog:
    path = WEB / "recsys" / "locale" / language / "LC_MESSAGES" / "django.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


def plain(catalogue: Catalog) -> dict[str, object]:
    """Texts and translations; an `.mo` file may have lists where the `.po` file has tuples."""
    return {str(tuple(m.id)): tuple(m.string) for m in catalogue if m.id}


@pytest.mark.parametrize("language", ["es", "ru"])
def test_every_text_is_translated(language: str) -> None:
    found = texts()
    assert len(found) > 150
    translated = catalogue(language)
    missing = [text for text in found if text not in translated or not translated[text].string]
    assert not missing, f"run `manage.py makemessages -l {language}`, translate, compile"
    for message in translated:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in strings:
            assert string, message.id
            assert set(PLACE.findall(string)) == set(PLACE.findall(ids[-1])), message.id


@pytest.mark.parametrize("language", ["es", "ru"])
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    written = catalogue(language)
    path = WEB / "recsys" / "locale" / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        compiled = read_mo(file)
    assert plain(written) == plain(compiled)
