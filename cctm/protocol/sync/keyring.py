"""What a reader can open: secrets out of grants, and events out of entries (SPEC.md §4.1, §4.3).

    grant ──box of one of our devices──► secrets ──► entry keys ──► events
      └─────table─────────────────────► roles, cuts

**Invariants**

- Only what was verified comes here.
- A reader may have several receiving keys: a link's, and its own once it is enrolled. What none of them opens is
  locked, which is no error.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cctm.protocol.contents import open_events
from cctm.protocol.entry import Place
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.events import Event
from cctm.protocol.grant import MAX_SECRETS, Table, open_grant_untrusted, open_table_untrusted
from cctm.protocol.keys import (
    ChannelId,
    DeviceKeys,
    EntryKey,
    EpochSecret,
    KeyId,
    LogId,
    WriterId,
    entry_key,
)

MOST_SECRETS: Final = 4 * MAX_SECRETS  # of a channel: who hands them out decides how many

_NO_ROLES: Final = Table({}, ())


@dataclass(frozen=True, slots=True)
class Opened:
    """A grant that opened: the epoch that it hands out, what is new, and the receiving key whose box was opened."""

    epoch: EpochSecret
    secrets: tuple[EpochSecret, ...]
    table: Table
    box: bytes | None


class Keyring:
    """One reader's, of one channel."""

    def __init__(self, channel: ChannelId, devices: Sequence[DeviceKeys]) -> None:
        """
        Args:
            devices: in the order in which they are tried.
        """
        self.table = _NO_ROLES  # of the newest grant
        self.enrolled: frozenset[bytes] = frozenset()  # the receiving keys for which a box was found
        self._channel = channel
        self._devices = devices
        self._secrets: dict[KeyId, EpochSecret] = {}
        self._keys: dict[tuple[LogId, KeyId], EntryKey] = {}

    def open_grant_untrusted(self, place: Place, body: bytes) -> Opened | None:
        """What the grant at *place* gives; None: none of our keys opens it. Nothing is learnt yet.

        Raises:
            OpenError, MalformedError: no host makes it.
        """
        epoch = self._secrets.get(place.key_id)
        if epoch is None:
            return self._open_first_box(place, body)
        table = open_table_untrusted(epoch, place, body)
        # To try a key costs up to 1,024 times 0.1 ms: only when the table says that it has a box by now.
        fresh = [
            device
            for device in self._devices
            if device.box_public not in self.enrolled and WriterId(device.sign_public) in table.roles
        ]
        for device in fresh:
            with suppress(OpenError):
                grant = open_grant_untrusted(device, place, body)
                return Opened(grant.epoch, self._new(grant.secrets), table, device.box_public)
        return Opened(epoch, (), table, None)

    def _open_first_box(self, place: Place, body: bytes) -> Opened | None:
        for device in self._devices:
            with suppress(OpenError):
                grant = open_grant_untrusted(device, place, body)
                return Opened(grant.epoch, self._new(grant.secrets), grant.table, device.box_public)
        return None

    def _new(self, secrets: Sequence[EpochSecret]) -> tuple[EpochSecret, ...]:
        return tuple(secret for secret in secrets if secret.key_id not in self._secrets)

    def learn(self, opened: Opened) -> None:
        """
        Raises:
            MalformedError: more secrets than any channel has.
        """
        if len(self._secrets) + len(opened.secrets) > MOST_SECRETS:
            raise MalformedError("too many secrets")
        self._secrets.update((secret.key_id, secret) for secret in opened.secrets)
        self.table = opened.table
        if opened.box is not None:
            self.enrolled |= {opened.box}

    def open_entry(self, place: Place, body: bytes) -> list[Event] | None:
        """The events of the entry at *place*; None: it is under a secret that we do not have.

        Raises:
            OpenError, MalformedError: it is void.
        """
        key = self._keys.get((place.log, place.key_id))
        if key is None:
            epoch = self._secrets.get(place.key_id)
            if epoch is None:
                return None
            key = entry_key(epoch, self._channel, place.log)
            self._keys[place.log, place.key_id] = key
        return open_events(place, key, body)
