"""Other ways to drive a service, with no care for failures; each returns the requests it made.

They play the same sessions by the same rule: one session of a user at a time.
"""

import asyncio
import re
import socket
from threading import Lock, Thread

import numpy as np
import orjson
import requests

from sim.engine.sessions import Sessions
from sim.remote import ServiceOptions
from sim.remote.http_connection import request
from sim.remote.http_parser import parse
from sim.remote.user_queue import UserQueue
from sim.rng import Streams
from sim.world import World


class Room:
    """The listeners, one slot each, played one slot at a time."""

    def __init__(self, world: World, slots: int, seed: int, episodes: range) -> None:
        streams = Streams(seed)
        self.requests = 0
        self.sessions = Sessions(world, slots, streams)
        self._ids = world.users.ids
        self._queue = UserQueue(episodes, len(world.users), streams)

    def start(self, slot: int) -> bool:
        """A new session, if there is one to play."""
        if episodes := self._queue.take(1):
            self.sessions.start(np.array([slot]), np.array(episodes))
        return bool(episodes)

    def says(self, slot: int) -> tuple[bool, str, dict[str, float]]:
        """Whether the session is over, and the path and fields of its message."""
        self.requests += 1
        over = bool(self.sessions.budget[slot] <= 0)
        user = self._ids[self.sessions.user_row[slot]]
        play = {
            "track": int(self.sessions.track[slot]),
            "time": float(self.sessions.time[slot]),
        }
        return over, f"/{'last' if over else 'next'}/{user}", play

    def hears(self, slot: int, track: int) -> None:
        self.sessions.listen(np.array([slot]), np.array([track]))

    def leaves(self, slot: int) -> None:
        self._queue.release(self.sessions.user_row[[slot]])


def lockstep(world: World, service: ServiceOptions, seed: int, episodes: range) -> int:
    """Every connection sends, then every answer is waited for, and all listen together."""
    room = Room(world, service.connections, seed, episodes)
    links = [
        socket.create_connection((service.host, service.port)) for _ in range(service.connections)
    ]
    for link in links:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    live = [slot for slot in range(len(links)) if room.start(slot)]
    while live:
        over = {}
        for slot in live:
            over[slot], path, play = room.says(slot)
            body = orjson.dumps(play).decode()
            links[slot].sendall(request("POST", path, service.authority, body))
        answers = {}
        for slot in live:
            received = b""
            while (reply := parse(received, ended=False)) is None:
                received += links[slot].recv(65536)
            answers[slot] = orjson.loads(reply.body)
        going = [slot for slot in live if not over[slot]]
        if going:
            tracks = np.array([answers[slot]["track"] for slot in going])
            room.sessions.listen(np.array(going), tracks)
        for slot in live:
            if over[slot]:
                room.leaves(slot)
        live = [slot for slot in range(len(links)) if slot in going or room.start(slot)]
    for link in links:
        link.close()
    return room.requests


def streams(world: World, service: ServiceOptions, seed: int, episodes: range) -> int:
    """A coroutine and a stream for each connection."""
    room = Room(world, service.connections, seed, episodes)

    async def play(slot: int) -> None:
        reader, writer = await asyncio.open_connection(service.host, service.port)
        while room.start(slot):
            over = False
            while not over:
                over, path, fields = room.says(slot)
                body = orjson.dumps(fields).decode()
                writer.write(request("POST", path, service.authority, body))
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
                assert length is not None
                answer = orjson.loads(await reader.readexactly(int(length[1])))
                if not over:
                    room.hears(slot, answer["track"])
            room.leaves(slot)
        writer.close()
        await writer.wait_closed()

    async def play_all() -> None:
        await asyncio.gather(*map(play, range(service.connections)))

    asyncio.run(play_all())
    return room.requests


def threads(world: World, service: ServiceOptions, seed: int, episodes: range) -> int:
    """A thread and a `requests.Session` for each connection."""
    room = Room(world, service.connections, seed, episodes)
    lock = Lock()

    def play(slot: int) -> None:
        with requests.Session() as http:
            while True:
                with lock:
                    if not room.start(slot):
                        return
                over = False
                while not over:
                    with lock:
                        over, path, fields = room.says(slot)
                    answer = http.post(service.url + path, json=fields).json()
                    if not over:
                        with lock:
                            room.hears(slot, answer["track"])
                with lock:
                    room.leaves(slot)

    players = [Thread(target=play, args=(slot,)) for slot in range(service.connections)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    return room.requests
