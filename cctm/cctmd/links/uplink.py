"""One shared channel's connection to its relay, as its owner: dialled, and dialled again (SPEC.md §15, §16).

    where ─► dial ─► Upload ─► ended, and why ─► a pause ─┐
      ▲                                                  │
      └──────────────────────────────────────────────────┘

**Invariants**

- Nobody waits for it: what is said is bounded (`urgent`), what is sealed is bounded (`outgoing`), connected or not.
- Whatever a relay does ends in a state that `cctm shares` shows, and in the next attempt.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio

from cctm.cctmd.groups import each
from cctm.cctmd.links.connection import dial
from cctm.cctmd.links.failures import LinkDownError, LinkError, in_words
from cctm.cctmd.links.outgoing import Outgoing
from cctm.cctmd.links.retrying import Retrying
from cctm.cctmd.links.upload import Host, Upload
from cctm.cctmd.links.urgent import Urgent
from cctm.home import HomeError
from cctm.protocol.control.values import CONNECTED, CONNECTING, RECONNECTING
from cctm.protocol.errors import RemoteError
from cctm.protocol.ids import WriterId
from cctm.protocol.keys import ChannelId, WriterKey
from cctm.protocol.sync.messages import Live
from cctm.protocol.sync.serving import Reason
from cctm.relay_choice import RelayChoice

LOG = logging.getLogger(__name__)

# What no haste mends: an operator has to do something, or time has to pass.
PATIENCE_S: Final[Mapping[Reason | None, float]] = {
    Reason.PROTOCOL: 10.0,
    Reason.VERSION: 60.0,
    Reason.PROOF: 30.0,
    Reason.NOT_ALLOWED: 30.0,
    Reason.NO_CHANNEL: 30.0,
    Reason.QUOTA: 60.0,
    Reason.RATE: 10.0,
}

Where = Callable[[], Awaitable[RelayChoice]]


class Uplink:
    """One shared channel's. `run` must be running."""

    def __init__(
        self, channel: ChannelId, key: WriterKey, where: Where, outgoing: Outgoing, host: Host
    ) -> None:
        """
        Args:
            key: of the channel's owner.
            where: asked each time before it dials; may raise LinkError or HomeError.
        """
        self._channel = channel
        self._key = key
        self._where = where
        self._outgoing = outgoing
        self._host = host
        self._retrying = Retrying()
        self._urgent = Urgent()
        self._upload: Upload | None = None  # while there is a connection
        self._changed = trio.Event()
        self._ended: LinkError | None = None

    @property
    def is_up(self) -> bool:
        """Whether what is said goes out."""
        return self._upload is not None

    @property
    def state(self) -> str:
        """For people."""
        if self._upload is not None:
            lost = self._outgoing.lost
            return CONNECTED if lost is None else f"{CONNECTED}; entry {lost.seq} cannot be read on the disk"
        if self._ended is None:
            return CONNECTING
        if isinstance(self._ended, LinkDownError):
            return f"{RECONNECTING}{self._ended.what}"
        return f"{self._ended.what} {self._ended.advice}"

    # --- what is said

    def live(self, to: WriterId | None, data: bytes) -> None:
        """Send a live message to a member, or to all; where the relay is away, to nobody."""
        if self._upload is not None:
            self._urgent.live(Live(to or b"", data))

    def access(self, signed: bytes, version: int) -> None:
        """Have the relay let in by this list: now, or as soon as it is there."""
        self._urgent.access(signed, version)

    def now(self) -> None:
        """Dial now, if there is no connection."""
        self._retrying.now()

    async def delivered(self) -> None:
        """Wait until the relay has stored all that was sealed, and the newest access list."""
        while self._upload is None or not self._upload.is_delivered:
            await (self._changed if self._upload is None else self._upload.on_change).wait()

    # --- the connection

    async def run(self) -> None:
        """Dial, serve, and dial again, until cancelled."""
        while True:
            errors: list[BaseException] = []
            try:
                relay = await self._where()
                async with dial(relay.origin, self._channel, self._key, relay.invite) as connection:
                    self._retrying.opened()
                    upload = Upload(
                        self._channel, self._key.public, connection, self._outgoing, self._urgent, self._host
                    )
                    with self._outgoing.taking(upload.begun):
                        await upload.take_stock()
                        self._be_up(upload)
                        await upload.run()
            except* (LinkError, HomeError, RemoteError) as group:
                errors += each(group)
            except* Exception as group:
                LOG.exception("the connection for terminal %s failed", self._channel.hex()[:8])
                errors += [
                    LinkError("This machine made a mistake.", "See daemon.log.") for _ in group.exceptions
                ]
            self._be_down(in_words(errors[0]))
            assert self._ended is not None
            await self._retrying.pause(PATIENCE_S.get(self._ended.reason, 0.0))

    def _be_up(self, upload: Upload) -> None:
        self._upload, self._ended = upload, None
        self._change()

    def _be_down(self, error: LinkError) -> None:
        upload, self._upload = self._upload, None
        self._ended = error
        self._change()
        if upload is not None:
            upload.on_change.set()

    def _change(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()
