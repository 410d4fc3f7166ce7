"""A small invented catalogue with ratings, for a site that has no data set at hand."""

import csv
import random
from pathlib import Path

TAGS = ("Adventure", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Mystery", "Romance")
FIRST = ("Amber", "Broken", "Crimson", "Distant", "Electric", "Frozen", "Golden", "Hidden", "Iron")
SECOND = (
    "Harbour",
    "Garden",
    "Signal",
    "Orchard",
    "Lantern",
    "River",
    "Mirror",
    "Station",
    "Tide",
)
ITEMS, PEOPLE, RATINGS = 81, 150, 30


def write_invented(directory: Path, seed: int = 1) -> Path:
    """Write items.csv and ratings.csv, the same for the same seed; gives `directory`.

    Each person likes some tags and not others, so that neighbours exist to be found.
    """
    draw = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    names = [f"{first} {second}" for first in FIRST for second in SECOND]
    tags = [draw.sample(TAGS, draw.choice((1, 2, 2, 3))) for _ in names]
    quality = [draw.gauss(0, 0.4) for _ in names]
    with (directory / "items.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "name", "description", "image", "tags"])
        for at, name in enumerate(names):
            about = f"An invented film: {', '.join(tags[at]).lower()}. Nobody has seen it."
            rows.writerow([at + 1, name, about, "", "|".join(tags[at])])
    popular = [1 / (1 + at) ** 0.7 for at in range(ITEMS)]
    with (directory / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["user", "item", "rating", "timestamp"])
        for person in range(1, PEOPLE + 1):
            taste = {tag: draw.gauss(0, 1) for tag in TAGS}
            seen = dict.fromkeys(draw.choices(range(ITEMS), popular, k=2 * RATINGS))
            for at in list(seen)[:RATINGS]:
                mean = sum(taste[tag] for tag in tags[at]) / len(tags[at])
                value = 3.3 + mean + quality[at] + draw.gauss(0, 0.5)
                rating = min(max(round(value * 2) / 2, 0.5), 5.0)
                rows.writerow([person, at + 1, rating, 1_700_000_000 + draw.randrange(10**7)])
    return directory
