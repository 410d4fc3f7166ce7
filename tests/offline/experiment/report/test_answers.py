"""What is asked beside the verdict, on the page: sections, pictures, and the JSON's figures."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.experiment.report.answer_plots import Density, Points, density_plot, points_plot
from offline.experiment.words import interval, p_text, percent

from ...conftest import EXPERIMENT, HOUR

Make = Callable[..., Any]
SECTIONS = ("rule", "days", "ages", "attributes", "interaction", "equivalence", "bayes")


@pytest.fixture
def told(make_events: Make, write_log: Make, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """Page and JSON of an experiment of which everything was asked."""
    lines = make_events(n_users=240, lift=1.1)
    for line in lines:
        line["timestamp"] += line["user"] % 5 * 24 * HOUR
        line["experiments"]["OTHER"] = "T1" if line["user"] // 7 % 2 else "C"
    log = write_log(sorted(lines, key=lambda line: line["timestamp"]))
    plans = [f"{user},{('free', '<b>paid</b>')[user % 2]},{user % 60}" for user in range(240)]
    (tmp_path / "users.csv").write_text("user,plan,age\n" + "\n".join(plans))
    words = ["analyze", str(log), "--experiment", EXPERIMENT, "--interaction", "OTHER"]
    words += ["--attributes", str(tmp_path / "users.csv"), "--segment-by", "plan"]
    words += ["--segment-by", "age", "--equivalence", "sessions=20"]
    words += ["--out", str(tmp_path / "page.html"), "--json", str(tmp_path / "all.json")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return (tmp_path / "page.html").read_text(), json.loads((tmp_path / "all.json").read_text())


def section(page: str, anchor: str) -> str:
    start = page.index(f'<h2 id="{anchor}"')
    return page[start : page.index("</section>", start)]


def text_of(part: str) -> str:
    text = html.unescape(re.sub(r"<[^>]*>", " ", part)).replace("−", "-")
    return re.sub(r"\s+", " ", text)


def test_each_answer_has_a_section_a_picture_and_its_meaning(
    told: tuple[str, dict[str, Any]],
) -> None:
    page, answers = told
    contents = page[page.index("<nav") : page.index("</nav>")]
    anchors = set(re.findall(r'\bid="([^"]*)"', page))
    for anchor in SECTIONS:
        assert f'href="#{anchor}"' in contents
        part = section(page, anchor)
        assert set(re.findall(r'href="#([^"]*)"', part)) <= anchors
        assert 'href="#about-' in part
        labels = re.findall(r'<svg role="img" aria-label="([^"]*)"', part)
        assert labels
        assert len(labels) == part.count("<svg")
        assert all(re.search(r"\d", label) for label in labels)
    assert "<b>" not in page
    # And its figures are those of the JSON.
    for some in answers["attribute_segments"]:
        part = text_of(section(page, "attributes"))
        found = f"{percent(some['effect'])} {interval(*some['interval'])}"
        assert found in re.sub(r"(?<=%) [^-+]*?(?=[-+])", " ", part)
        assert p_text(some["p_holm"]) in part
    ages = [some["value"] for some in answers["attribute_segments"] if some["attribute"] == "age"]
    assert ages[0].startswith("up to")
    assert ages[-1].startswith("over")
    [between] = answers["interaction"]["found"]
    assert f"{between['points']:+.3g} points" in text_of(section(page, "interaction"))
    [equal] = answers["equivalence"]
    assert interval(equal["lower"], equal["upper"]) in text_of(section(page, "equivalence"))
    [reading] = [some for some in answers["bayesian"] if some["metric"] == "mean_session_time"]
    assert f"{percent(reading['effect'])} (" in text_of(section(page, "bayes"))
    [days] = answers["by_day"]
    part = text_of(section(page, "days"))
    for day in days["days"]:
        assert day["day"] in part
    assert f"{days['drift']['slope']:+.3g} points a day" in part


def test_a_day_off_the_scale_is_at_its_edge() -> None:
    effect = np.array([5.0, 6, 900])
    points = Points(
        "T1", 1, np.array([20000, 20001, 20003]), effect, effect - 3, effect + 3,
        np.array([True, True, False]),
    )  # fmt: skip
    svg = points_plot([points], lambda day: f"d{day}", "day", 10.2)
    assert "T1: 3 days; first d20000 +5.00 % (+2.00 to +8.00 %), last d20003 +900.0 %" in svg
    # Were it on the scale, hundreds would be marked.
    assert not re.search(r">\d{3,} %<", svg)


def test_a_density_says_its_gist() -> None:
    at = np.linspace(-5, 10, 50)
    height = np.exp(-((at - 3) ** 2))
    svg = density_plot([Density('"T1"', 1, at, height, height, True, "better")], "effect", 4.9)
    assert "&quot;T1&quot;: better" in svg
    assert ">0 %<" in svg


def test_a_csv_has_units_and_no_formula(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    name = "=cmd|'/C calc'!A0"
    rows = [f'{k},"{(name, "a")[k % 2]}",{rng.gamma(2, 20)}' for k in range(400)]
    (tmp_path / "t.csv").write_text("id,arm,order value\n" + "\n".join(rows))
    (tmp_path / "m.yml").write_text(
        "metrics:\n  spent: {title: '@Spent', numerator: SUM(\"order value\"), unit: ms,"
        " scale: 1000, direction: down, role: primary}\n"
    )
    words = ["--table", str(tmp_path / "t.csv"), "--unit", "id", "--treatment", "arm"]
    words += ["--control", "a", "--metrics", str(tmp_path / "m.yml")]
    words += ["--csv", str(tmp_path / "out.csv"), "--json", str(tmp_path / "out.json")]
    done = CliRunner().invoke(main, ["analyze", *words])
    assert done.exit_code == 0, done.output
    [row] = pd.read_csv(tmp_path / "out.csv").to_dict("records")
    assert (row["treatment"], row["title"]) == (f"'{name}", "'@Spent")
    assert (row["unit"], row["direction"]) == ("ms", "down")
    [known] = json.loads((tmp_path / "out.json").read_text())["metrics"]
    assert row["control"] == pytest.approx(1000 * known["control"])
    assert row["difference"] == pytest.approx(1000 * known["absolute"]["difference"])
    assert row["difference"] < 0 or row["difference"] > 0  # numbers stay numbers
    for line in (tmp_path / "out.csv").read_text().splitlines():
        assert not re.search(r"(^|,)\"?[=@]", line)


def test_yes_or_no_has_no_picture_of_its_spread(tmp_path: Path) -> None:
    rows = [f"{k},{'CT'[k % 2]},{int(k % 5 == 0)}" for k in range(400)]
    (tmp_path / "t.csv").write_text("id,arm,paid\n" + "\n".join(rows))
    words = ["--table", str(tmp_path / "t.csv"), "--unit", "id", "--treatment", "arm"]
    words += ["--metric", "paid", "--out", str(tmp_path / "page.html")]
    done = CliRunner().invoke(main, ["analyze", *words])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text()
    assert "paid by treatment" in page
    assert "whose own value is at least" not in page
