"""The memory of Redis, as it reports it, and what that means for lists and sessions."""

from contextlib import suppress
from typing import Any, NamedTuple

import redis

SAFE_POLICY = "volatile-lru"
"""Drops the sessions that were silent for the longest: sessions expire, lists do not."""


class RedisMemory(NamedTuple):
    """Sizes in bytes."""

    used: int
    limit: int
    """`maxmemory`; 0 if there is none."""
    policy: str
    """`maxmemory-policy`: what is dropped at the limit."""
    evicted: int
    """Keys dropped for that since the server's start."""

    def __str__(self) -> str:
        return (
            f"{mib(self.used)} used of maxmemory {mib(self.limit)}, "
            f"maxmemory-policy {self.policy or 'unknown'}"
        )


def read_redis_memory(client: "redis.Redis") -> RedisMemory | None:
    """None if this Redis does not allow INFO. Raises redis.RedisError if it cannot be reached."""
    with suppress(redis.ResponseError):
        memory: Any = client.info("memory")
        stats: Any = client.info("stats")
        return RedisMemory(
            used=int(memory.get("used_memory", 0)),
            limit=int(memory.get("maxmemory", 0)),
            policy=str(memory.get("maxmemory_policy", "")),
            evicted=int(stats.get("evicted_keys", 0)),
        )
    return None


def full_message(memory: RedisMemory | None) -> str:
    """A sentence: Redis is full, and what to do about it."""
    numbers = f" ({memory})" if memory else ""
    advice = "give it more memory (redis_maxmemory, or maxmemory of your own Redis)"
    if memory and memory.policy == "noeviction":
        advice += f", or the maxmemory-policy {SAFE_POLICY}, which drops only silent sessions"
    return f"Redis is full{numbers}; {advice}"


def eviction_risk(memory: RedisMemory | None) -> str:
    """A sentence on what may happen to lists; empty if nothing may."""
    if memory and memory.limit and memory.policy.startswith("allkeys-"):
        return (
            f"Redis may drop lists to make room for sessions: its maxmemory-policy is "
            f"{memory.policy}; set {SAFE_POLICY}"
        )
    return ""


def mib(size: int) -> str:
    """In MiB."""
    return f"{size / 2**20:,.1f} MiB"
