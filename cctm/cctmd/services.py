"""What all parts of one daemon share, and how they say no."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import trio

from cctm.archive.catalogue import Catalogue
from cctm.archive.room import Limits
from cctm.archive.storage import Storage
from cctm.cctmd.clock import Clock
from cctm.home import Home
from cctm.protocol.control.values import Reason
from cctm.protocol.keys import DeviceKeys

T = TypeVar("T")


class RefusedError(Exception):
    """A client asked for what cannot be: why, one sentence on what happened, one on what to do."""

    def __init__(self, reason: Reason, what: str, advice: str) -> None:
        super().__init__(reason, what, advice)
        self.reason = reason
        self.what = what
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Services:
    """What all terminals share."""

    home: Home
    device: DeviceKeys
    catalogue: Catalogue
    storage: Storage
    clock: Clock
    limits: Limits
    nursery: trio.Nursery


async def wait_for(future: "Future[T]") -> T:
    """The result of work on the storage thread."""
    token = trio.lowlevel.current_trio_token()
    done = trio.Event()
    future.add_done_callback(lambda _: token.run_sync_soon(done.set))
    await done.wait()
    return future.result()
