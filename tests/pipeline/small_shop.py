"""Events and items of a small shop, as files."""

import json
import random
from datetime import date
from pathlib import Path

DAY = 86_400_000
START = 1_767_225_600_000  # 2026-01-01
ITEMS = [f"i{number}" for number in range(40)]
NIGHT = date(2026, 1, 21)


def write_shop(directory: Path) -> None:
    """Visitors of 4 tastes, 21 days; a taste is 10 of 40 items."""
    chance = random.Random(5)
    rows = ["user,item,event,timestamp"]
    for user in range(200):
        taste = ITEMS[user % 4 * 10 : user % 4 * 10 + 10]
        for day in range(21):
            if chance.random() < 0.5:
                time = START + day * DAY + chance.randrange(DAY)
                first, second = chance.sample(taste, 2)
                rows.append(f"u{user},{first},view,{time}")
                rows.append(f"u{user},{second},view,{time + 60_000}")
                rows.append(f"u{user},{second},addtocart,{time + 90_000}")
    (directory / "events.csv").write_text("\n".join(rows) + "\n")
    lines = [json.dumps({"item": item, "title": item}) for item in ITEMS]
    (directory / "items.json").write_text("\n".join(lines) + "\n")
