"""Relays side by side: one writer, many readers.

base.py     how each is started, written to, read from
ours.py     the product's     node.py   the peers, installed by npm for the run; *.mjs are their servers
wire.py     a WebSocket client that is next to nothing     readers.py   thousands of them, in other processes
"""

from typing import Final

from bench.relays.base import RelayContender
from bench.relays.node import BareWs, Hocuspocus
from bench.relays.ours import OurRelay

RELAYS: Final[tuple[type[RelayContender], ...]] = (BareWs, Hocuspocus, OurRelay)

__all__ = ["RELAYS", "RelayContender"]
