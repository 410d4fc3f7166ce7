"""The report page: one file, complete, readable, and honest about what is undefined."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.analysis import analyse
from offline.experiment.report.page import render_report
from offline.experiment.report.plots import Bar, Steps, at_least_plot, bar_plot
from offline.experiment.report.run_info import RunInfo, load_run_info
from offline.experiment.report.svg import NARROW, WIDE
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
VOID = {"meta", "br", "line", "circle", "link"}


@pytest.fixture
def render(write_log: Make) -> Callable[..., str]:
    def rendered(lines: list[Any], run_info: RunInfo | None = None) -> str:
        info = run_info or RunInfo()
        with open_logs([write_log(lines)]) as log:
            found = aggregate(log, EXPERIMENT)
        analysis = analyse(found)
        return render_report(analysis, verdicts(analysis, info.treatments), info)

    return rendered


class _Page(HTMLParser):
    """Collects text, and that every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def text_of(page: str) -> str:
    """What a reader sees, white space made single; the page is checked on the way."""
    parsed = _Page(page)
    assert parsed.open == []
    text = re.sub(r"\s+", " ", parsed.text)
    assert not re.search(r"\b(nan|inf|none|null)\b", text.replace("none of them", ""), re.I)
    # One file: nothing is fetched from anywhere.
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)|<script|<link|<img|\bsrc=", page)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    return text


def test_the_page_tells_everything_in_one_file(make_events: Make, render: Make) -> None:
    events = make_events(n_users=100)
    info = RunInfo(
        {"C": "CONTEXTUAL", "T1": "DAE"},
        {"": {"seed": "31337"}, "versions": {"duckdb": "2.0.0"}},
    )
    text = text_of(render([*events, "{"], info))
    for part in (
        "Not yet: DAE (T1) beats CONTEXTUAL (C) on session time by +",
        "DAE (T1) against CONTEXTUAL (C)",
        "Request time",
        " ms",
        f"{len(events) + 1:,} lines in 1 file, 1 of them bad",
        f"data.json:{len(events) + 1}: cut off after 1 characters",
        "seed31337",
        "Versions",
        "duckdb2.0.0",
        "How it was computed",
    ):
        assert part in text


def test_any_number_of_treatments_has_a_place(make_events: Make, render: Make) -> None:
    arms = ("C", *(f"T{number}" for number in range(1, 9)))
    text = text_of(render(make_events(n_users=200, treatments=arms, lift=1.05)))
    for arm in arms[1:]:
        assert f"{arm} against C" in text


def test_what_is_undefined_is_marked(event: Make, render: Make) -> None:
    """C's users never heard a thing and T1 has one user, T2 none with a finished session."""
    lines = [event(user=user, message="last", time=0) for user in (1, 2)]
    lines.append(event(user=3, message="last", time=0.5, experiments={EXPERIMENT: "T1"}))
    lines.append(event(user=4, experiments={EXPERIMENT: "T2"}))
    text = text_of(render(lines))
    assert (
        "No verdict on T1: it cannot be judged against C on session time: the control mean is 0"
        in text
    )
    assert "only 1 user in T1: no interval" in text
    assert "no user of T2 has a value" in text
    # Users, those without a finished session, finished and unfinished sessions, lines.
    assert "T211011" in text.replace(" ", "")


def test_logs_without_any_finished_session_make_a_page(event: Make, render: Make) -> None:
    lines = [event(user=u, experiments={EXPERIMENT: arm}) for u, arm in enumerate(["C", "T1"])]
    assert "no user of C or T1 has a value" in text_of(render(lines))


def test_what_people_wrote_is_text_and_not_markup(event: Make, render: Make) -> None:
    lines = [event(user=u, experiments={EXPERIMENT: arm}) for u, arm in enumerate(["C", "T1"])]
    name = "<b>A & B</b>"
    page = render([*lines, '{"message": "<i>"}'], RunInfo({"T1": name}, {"<u>": {"k": "<s>"}}))
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<u>" not in page.lower()
    assert name in text_of(page)


def test_many_bad_lines_are_counted_and_the_first_are_listed(event: Make, render: Make) -> None:
    lines = [event(user=u, experiments={EXPERIMENT: arm}) for u, arm in enumerate(["C", "T1"])]
    page = render(lines + ["{"] * 1500)
    assert "1,502 lines in 1 file, 1,500 of them bad" in text_of(page)
    assert len(re.findall(r"data\.json:\d+: cut off after 1 characters", page)) == 100


def test_the_same_log_makes_the_same_page(make_events: Make, render: Make) -> None:
    events = make_events(n_users=60)
    assert render(events) == render(events)


def test_a_picture_shows_its_numbers() -> None:
    bars = [
        Bar("CONTEXTUAL (C)", 0, 5.846, (5.5, 6.2), "5.85 ± 0.34"),
        Bar("DAE (T1)", 1, 16.3, None, "16.30"),
    ]
    for width in (WIDE, NARROW):
        svg = bar_plot(bars, "mean session time", width)
        assert svg.startswith("<svg")
        assert ">5.85 ± 0.34<" in svg
        assert ">16.30<" in svg


def test_a_picture_of_lengths_labels_its_lines() -> None:
    sample = Steps("DAE (T1)", 1, np.array([6.0, 10, 200]), np.array([50.0, 30, 20]))
    svg = at_least_plot([sample], "tracks in the session", WIDE)
    assert ">DAE (T1)<" in svg
    assert ">100 %<" in svg
    assert "var(--series-1)" in svg


def test_run_info_keeps_groups_and_names_treatments(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    content = {
        "treatments": {"C": "CONTEXTUAL"},
        "seed": 31337,
        "model": {"hidden": [600, 200], "tied": False, "notes": None, "at": {"epoch": 3}},
        "share": 0.5,
    }
    path.write_text(json.dumps(content))
    info = load_run_info(path)
    assert info.treatments == {"C": "CONTEXTUAL"}
    assert info.groups == {
        "": {"seed": "31337", "share": "0.5"},
        "model": {"hidden": "600, 200", "tied": "no", "notes": "–", "at": "epoch 3"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "must be a JSON object"),
        ("{", "is not JSON"),
        ('{"loss": NaN}', "NaN is no JSON value"),
        ('{"treatments": ["DAE"]}', "`treatments` must be like"),
        ('{"treatments": {"T1": 1}}', "`treatments` must be like"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_run_info_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as refusal:
        load_run_info(path)
    assert str(path) in str(refusal.value)
