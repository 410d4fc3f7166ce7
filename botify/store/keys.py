"""The keys in Redis, all of which begin with `botify:`; those of the shop face, `botify:shop:`.

The shop face has, besides its lists:

    botify:shop:events:USER   sorted set, by time in ms: the visitor's last events, each as 8 bytes
                              that order events of one time, kind, zero byte, item; expires
    botify:shop:bought:USER   sorted set, by time in ms of the last purchase: what a visitor bought
                              in the last `rules.bought_days`
    botify:shop:id:DIGEST     an id that a client gave to an event: "P" while its line is being
                              logged, "D" when that is done, then a digest of the event; expires
    botify:shop:item:ITEM     hash of field -> "MS:JSON": the item's changes by `POST /items`, each
                              with its time; the field "" is the time of a deletion
    botify:shop:offers        hash of item -> two characters, of each item with changes: h or s,
                              hidden or shown; u or a, unavailable or available; - where no change
                              says so; xx for a deleted item
    botify:shop:sums          hash of sums of events (`botify.shop.features.counts`), three doubles
                              (views, carts, purchases), by "c", category; "t": all; and by "i",
                              item, with the time in ms of the item's first counted event before
    botify:shop:journal:ID    how much of a service's record of changes is in Redis; expires
    botify:shop:recovered:ID  that the last events were read back from the log of one service, and
                              in words what was left out; "" where nothing was
    botify:shop:reading:ID    how far that reading is, in words, while it goes on; expires

The served items are a list, `items`. Where items.json says that an item is hidden, its JSON begins
with a tab; where it says that an item is not available, a space follows. So one look-up tells
whether an item may be offered, and its text is JSON all the same.
"""

import socket
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

LIST_VERSIONS = "botify:lists"
"""Hash of list name -> version served; LIST_VERSIONS:name:version is the list itself."""

REFUSALS = "botify:refused"
"""Hash of list or model name -> why its newest file was refused; removed by the next load."""

CONFIGURED_VERSIONS = "botify:configured"
"""Hash of list name -> version of the configured file when it was last loaded."""

SHOP_EVENTS = "botify:shop:events:"
SHOP_BOUGHT = "botify:shop:bought:"
SHOP_EVENT_IDS = "botify:shop:id:"
SHOP_ITEMS = "botify:shop:item:"
SHOP_OFFERS = "botify:shop:offers"
SHOP_SUMS = "botify:shop:sums"
SHOP_JOURNAL = "botify:shop:journal:"
SHOP_READING = "botify:shop:reading:"
SHOP_RECOVERED = "botify:shop:recovered:"


def recovered_key(log_dir: Path) -> str:
    """Key of what was read back from the log in this directory of this machine."""
    return SHOP_RECOVERED + _place(log_dir)


def reading_key(log_dir: Path) -> str:
    """Key of how far that reading is."""
    return SHOP_READING + _place(log_dir)


def _place(log_dir: Path) -> str:
    place = f"{socket.gethostname()}:{log_dir.resolve()}"
    return blake2b(place.encode(), digest_size=8).hexdigest()


def session_key(user: str) -> str:
    """Key of the session of the user with these digits."""
    return f"botify:session:{user}"


class Keys(NamedTuple):
    """The keys of one face, so that services of several can share a Redis."""

    lists: str
    """As LIST_VERSIONS."""
    refusals: str
    """As REFUSALS."""
    configured: str
    """As CONFIGURED_VERSIONS."""


MUSIC_KEYS = Keys(LIST_VERSIONS, REFUSALS, CONFIGURED_VERSIONS)
SHOP_KEYS = Keys("botify:shop:lists", "botify:shop:refused", "botify:shop:configured")


def keys_of(face: str) -> Keys:
    """The keys of a face of the config."""
    return SHOP_KEYS if face == "shop" else MUSIC_KEYS
