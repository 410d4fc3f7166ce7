"""The loops over ratings, compiled; they hold no lock, so that chunks are made side by side."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

import numpy as np

from offline.jit import compiled

_DIGITS = 11


@compiled(nogil=True)
def draw_items(rng: Any, counts: Any, threshold: Any, alias: Any, weight: Any, items: Any) -> None:
    """Fill `items` with `counts[u]` distinct items of each user, drawn by weight."""
    n = len(weight)
    seen = np.full(n, -1, np.int64)
    keys = np.empty(n, np.float64)
    place = 0
    for user in range(len(counts)):
        count = counts[user]
        if 4 * count > n:
            # Of a race of exponential times the first are drawn as one by one (Efraimidis and
            # Spirakis, 2006), and none is drawn in vain.
            for item in range(n):
                keys[item] = -np.log(1.0 - rng.random()) / weight[item]
            order = np.argsort(keys)
            for rank in range(count):
                items[place + rank] = order[rank]
        else:
            found = 0
            while found < count:
                x = rng.random() * n
                item = int(x)
                if x - item >= threshold[item]:
                    item = alias[item]
                if seen[item] != user:
                    seen[item] = user
                    items[place + found] = item
                    found += 1
        place += count


@compiled(nogil=True)
def rate_items(
    counts: Any,
    items: Any,
    noise: Any,
    mean: float,
    of_users: tuple[Any, Any],
    of_items: tuple[Any, Any],
    scale: tuple[float, float, int],
    oracle: tuple[float, float, Any, Any],
    codes: Any,
) -> tuple[float, float]:
    """Fill `codes`, places in the scale; the oracle's squared errors, and their expectation.

    `of_users` and `of_items` are biases and factors; `scale` is its lowest value, the step and the
    number of values; `oracle` the fields of `planted.Oracle`.
    """
    user_bias, user_factors = of_users
    item_bias, item_factors = of_items
    low, step, n_values = scale
    start, per_node, oracle_mean, oracle_variance = oracle
    errors = 0.0
    expected = 0.0
    last = len(oracle_mean) - 1
    place = 0
    for user in range(len(counts)):
        for _ in range(counts[user]):
            item = items[place]
            x = mean + user_bias[user] + item_bias[item]
            for factor in range(user_factors.shape[1]):
                x += user_factors[user, factor] * item_factors[item, factor]
            code = int(np.floor((x + noise[place] - low) / step + 0.5))
            code = min(max(code, 0), n_values - 1)
            codes[place] = code
            node = min(max((x - start) * per_node, 0.0), last - 1e-9)
            left = int(node)
            share = node - left
            known = oracle_mean[left] * (1 - share) + oracle_mean[left + 1] * share
            miss = low + step * code - known
            errors += miss * miss
            expected += oracle_variance[left] * (1 - share) + oracle_variance[left + 1] * share
            place += 1
    return errors, expected


@compiled(nogil=True)
def write_lines(first_user: int, counts: Any, items: Any, codes: Any, texts: Any, out: Any) -> int:
    """Write `user,item,rating` lines, ids from 1, into bytes; how many bytes.

    `texts` has the text of each rating, filled up with zeros.
    """
    digits = np.empty(_DIGITS, np.uint8)
    size = 0
    place = 0
    for user in range(len(counts)):
        for _ in range(counts[user]):
            for number in (first_user + user + 1, items[place] + 1):
                used = 0
                while number > 0:
                    digits[used] = 48 + number % 10
                    number //= 10
                    used += 1
                for at in range(used - 1, -1, -1):
                    out[size] = digits[at]
                    size += 1
                out[size] = 44
                size += 1
            text = texts[codes[place]]
            for at in range(len(text)):
                if text[at] == 0:
                    break
                out[size] = text[at]
                size += 1
            out[size] = 10
            size += 1
            place += 1
    return size
