"""Error against time of the models of ratings, as a picture."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean

from bench.common.results import Found

_OURS, _OTHERS = "#2b6cb0", "#c05621"


def draw(found: Mapping[str, Found], title: str, path: Path) -> None:
    """RMSE over CPU seconds of five folds, of each model that ran whole and is better than 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, one in found.items():
        point = _point(one)
        if point is None or point[1] >= 1:
            continue
        colour = _OTHERS if name.startswith("Surprise") else _OURS
        axes.plot(*point, "o", color=colour)
        axes.annotate(name, point, xytext=(6, 4), textcoords="offset points", color=colour)
    biases = [one["rmse_of_biases"] for one in found.values() if "rmse_of_biases" in one]
    if biases:
        axes.axhline(biases[0], color="#718096", linestyle=":", label="biases alone")
        axes.legend(frameon=False)
    axes.set(
        title=title,
        xscale="log",
        xlabel="CPU seconds of five folds",
        ylabel="RMSE, lower is better",
    )
    axes.margins(x=0.16, y=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _point(one: Found) -> tuple[float, float] | None:
    if "fit_cpu" not in one:
        return None if "steps" in one else (one["cpu"], one["rmse"])
    if one["epochs"] == 1:  # of a part
        return None
    return sum(one["fit_cpu"]) + sum(one["test_cpu"]), mean(one["rmse"])
