"""The treatment of a user, by MurmurHash3 (x86, 32 bit): the reference, slow and plain.

    split          hash(user, hash(salt, 0)) % sum of the weights
    participation  hash(user, hash(salt, 1)) % 100
    layer          hash(user, hash(layer, 2)) % 100

`user` is the id as text: of a number, its decimal digits. The salt is the experiment's name unless
the config gives another.
"""

from collections.abc import Mapping
from math import gcd

SPLIT, PARTICIPATION, LAYER = 0, 1, 2
"""Seeds of the inner hash, which keep the three independent of each other."""
_WORD = 0xFFFFFFFF
_C1, _C2 = 0xCC9E2D51, 0x1B873593


def murmur3_32(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32 (Austin Appleby, public domain), unsigned; of a seed 32 bits count."""
    h = seed & _WORD
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        h ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        h = (_rotated(h, 13) * 5 + 0xE6546B64) & _WORD
    if rest := data[whole:]:
        h ^= _mixed(int.from_bytes(rest, "little"))
    h ^= len(data)
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _WORD
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _WORD
    return h ^ (h >> 16)


def _mixed(word: int) -> int:
    return (_rotated((word * _C1) & _WORD, 15) * _C2) & _WORD


def _rotated(word: int, by: int) -> int:
    return ((word << by) | (word >> (32 - by))) & _WORD


def user_hash(user: int | str, salt: str, purpose: int = SPLIT) -> int:
    """The unsigned 32-bit hash that decides a user's place, for one of the three purposes."""
    return murmur3_32(str(user).encode(), murmur3_32(salt.encode(), purpose))


def bucket(user: int | str, salt: str, n: int) -> int:
    """The bucket of a user, 0 to n-1, of an experiment with n treatments of equal weight."""
    return user_hash(user, salt) % n


def treatment(user: int | str, salt: str, weights: Mapping[str, int]) -> str:
    """The treatment of a user who takes part; `weights` by treatment, in the order C, T1, ..."""
    divisor = gcd(*weights.values())
    place = user_hash(user, salt) % (sum(weights.values()) // divisor)
    for name, weight in weights.items():
        place -= weight // divisor
        if place < 0:
            return name
    raise AssertionError("a place beyond the sum of the weights")


def percent_point(user: int | str, salt: str, purpose: int = PARTICIPATION) -> int:
    """0 to 99; a user takes part if it is in the range of the experiment."""
    return user_hash(user, salt, purpose) % 100
