"""What Redis says of its memory, and what that means for lists and sessions."""

from contextlib import suppress
from typing import Any, NamedTuple

import redis

SAFE_POLICY = "volatile-lru"
"""Sessions expire, lists do not: this drops the sessions that were silent for the longest."""


class Memory(NamedTuple):
    """Sizes in bytes."""

    used: int
    limit: int
    """`maxmemory`; 0 where there is none."""
    policy: str
    """`maxmemory-policy`: what is dropped where that is reached."""
    evicted: int
    """Keys dropped for that since the server's start."""

    def __str__(self) -> str:
        return (
            f"{mib(self.used)} used of maxmemory {mib(self.limit)}, "
            f"maxmemory-policy {self.policy or 'unknown'}"
        )


def read_memory(client: "redis.Redis") -> Memory | None:
    """None where this Redis does not tell. Raises redis.RedisError where it cannot be asked."""
    with suppress(redis.ResponseError):
        memory: Any = client.info("memory")
        stats: Any = client.info("stats")
        return Memory(
            used=int(memory.get("used_memory", 0)),
            limit=int(memory.get("maxmemory", 0)),
            policy=str(memory.get("maxmemory_policy", "")),
            evicted=int(stats.get("evicted_keys", 0)),
        )
    return None


def full(memory: Memory | None) -> str:
    """That Redis is full, and what to do about it."""
    numbers = f" ({memory})" if memory else ""
    advice = "give it more memory (redis_maxmemory, or maxmemory of your own Redis)"
    if memory and memory.policy == "noeviction":
        advice += f", or the maxmemory-policy {SAFE_POLICY}, which drops silent sessions alone"
    return f"Redis is full{numbers}; {advice}"


def risk(memory: Memory | None) -> str:
    """What may happen to lists; empty where nothing may."""
    if memory and memory.limit and memory.policy.startswith("allkeys-"):
        return (
            f"Redis may drop lists to make room for sessions: its maxmemory-policy is "
            f"{memory.policy}; set {SAFE_POLICY}"
        )
    return ""


def mib(size: int) -> str:
    """In MiB."""
    return f"{size / 2**20:,.1f} MiB"
