"""A plain shop of three FastAPI services; `bench/shop` runs it in its own venv, without ours.

One keeps the last events of each visitor, one has similar items, and the third asks both of them
over HTTP, and takes turns between the visitor's list and what is similar to the last events. All
is in memory; each service is one process. The third waits for each of the others and opens a
connection for each call, as services of this kind do; with --pooled, it answers in threads over
connections that are kept alive.
"""

import argparse
import json
import multiprocessing
import threading
from collections import deque
from pathlib import Path
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI

RECENT = 10
HOST = "127.0.0.1"


def rows(path: Path) -> Any:
    with path.open("rb") as file:
        yield from map(json.loads, file)


def events_service(data: Path) -> FastAPI:
    app = FastAPI()
    events: dict[int, deque[int]] = {}

    def keep(user_id: int, item_id: int) -> None:
        events.setdefault(user_id, deque(maxlen=RECENT)).appendleft(item_id)

    for row in rows(data / "events.json"):
        keep(row["user"], row["item"])

    @app.post("/put")
    async def put(user_id: int, item_id: int) -> dict[str, str]:
        keep(user_id, item_id)
        return {"result": "ok"}

    @app.post("/get")
    async def get(user_id: int, k: int = 10) -> dict[str, list[int]]:
        return {"events": list(events.get(user_id, ()))[:k]}

    return app


def similar_service(data: Path) -> FastAPI:
    app = FastAPI()
    similar = {
        row["item"]: (row["items"], row["scores"]) for row in rows(data / "neighbours.json")
    }

    @app.post("/similar_items")
    async def similar_items(item_id: int, k: int = 3) -> dict[str, list[Any]]:
        items, scores = similar.get(item_id, ([], []))
        return {"item_id_sim": items[:k], "score": scores[:k]}

    return app


def main_service(data: Path, events: int, similar: int, pooled: bool) -> FastAPI:
    app = FastAPI()
    personal = {row["user"]: row["items"] for row in rows(data / "recommendations.json")}
    popular = json.loads((data / "popular.json").read_text())["items"]
    of_thread = threading.local()

    def asked(port: int, path: str, **query: int) -> Any:
        url = f"http://{HOST}:{port}/{path}"
        if not pooled:
            return requests.post(url, params=query, timeout=10).json()
        if not hasattr(of_thread, "session"):
            of_thread.session = requests.Session()
        return of_thread.session.post(url, params=query, timeout=10).json()

    def online(user_id: int, k: int) -> list[int]:
        found: list[tuple[float, int]] = []
        for item in asked(events, "get", user_id=user_id, k=k)["events"]:
            near = asked(similar, "similar_items", item_id=item, k=k)
            found += zip(near["score"], near["item_id_sim"], strict=True)
        return [item for _, item in sorted(found, reverse=True)]

    @app.get("/")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    def recommendations(user_id: int, k: int = 10) -> dict[str, list[int]]:
        offline, recent = personal.get(user_id, popular)[:k], online(user_id, k)
        merged: dict[int, None] = {}
        for place in range(k):
            for items in (recent, offline):
                merged.update(dict.fromkeys(items[place : place + 1]))
        return {"recs": list(merged)[:k]}

    async def waiting(user_id: int, k: int = 10) -> dict[str, list[int]]:
        return recommendations(user_id, k)

    app.post("/recommendations")(recommendations if pooled else waiting)
    return app


def serve(app: FastAPI, port: int) -> None:
    uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)


def serve_part(kind: str, data: Path, port: int) -> None:
    serve({"events": events_service, "similar": similar_service}[kind](data), port)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--ports", type=int, nargs=3, required=True, help="main, events, similar")
    parser.add_argument("--pooled", action="store_true")
    args = parser.parse_args()
    port, events, similar = args.ports
    parts = [
        multiprocessing.Process(target=serve_part, args=(kind, args.data, each), daemon=True)
        for kind, each in (("events", events), ("similar", similar))
    ]
    for part in parts:
        part.start()
    try:
        serve(main_service(args.data, events, similar, args.pooled), port)
    finally:
        for part in parts:
            part.terminate()
            part.join()


if __name__ == "__main__":
    main()
