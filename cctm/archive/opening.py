"""Opening: from verified entries to events, with what the grants gave this device.

    grant ──device keys──► epoch secrets, role table
    data  ──entry key(log, epoch)──► events ──who may write what──► those that count

Invariants: only `Verified` entries are opened. What does not open, or does not count, is a finding. Keys
are kept in memory and shown by no `repr`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cctm.protocol.access import Role, authority, check_entry, cut_of
from cctm.protocol.contents import open_events
from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.events import Event
from cctm.protocol.grant import Table, open_grant_untrusted, open_table_untrusted
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

from .finding import Fault, Finding, Spot
from .walk import Verified

_KEPT_KEYS = 256


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """An entry and those of its events that count; none for open and grant. *writer*: who signed it."""

    verified: Verified
    writer: WriterId
    events: Sequence[Event]

    @property
    def spot(self) -> Spot:
        return self.verified.spot

    @property
    def kind(self) -> EntryKind:
        return self.verified.sealed.entry.kind

    @property
    def seq(self) -> int:
        return self.verified.sealed.entry.seq


class Opener:
    """Opens the entries of one channel, in the order of reading."""

    def __init__(self, channel: ChannelId, device: DeviceKeys, secrets: Iterable[EpochSecret] = ()) -> None:
        """
        Args:
            secrets: known from elsewhere, in case a grant is damaged.
        """
        self._channel = channel
        self._device = device
        self._secrets: dict[KeyId, EpochSecret] = {secret.key_id: secret for secret in secrets}
        self._keys: dict[tuple[LogId, KeyId], EntryKey] = {}
        self._table = Table({}, ())

    @property
    def secrets(self) -> Mapping[KeyId, EpochSecret]:
        return self._secrets

    def open(self, verified: Verified, writer: WriterId) -> OpenedEntry | Finding:
        """What *writer* put into *verified*; a grant also adds to what can be opened from here on."""
        entry = verified.sealed.entry
        if entry.kind is EntryKind.OPEN:
            return OpenedEntry(verified, writer, ())
        try:
            if entry.kind is EntryKind.GRANT:
                # Whose log it is need not be asked: in another than the owner's, a grant is not verified.
                return self._open_grant(verified, writer)
            key = self._key(verified)
            if key is None:
                return Finding(Fault.LOCKED, verified.spot, entry.seq)
            return self._counting(verified, writer, open_events(verified.place, key, entry.body))
        except OpenError:
            return Finding(Fault.UNREADABLE, verified.spot, entry.seq)
        except MalformedError as error:
            return Finding(Fault.VOID, verified.spot, entry.seq, error.what)

    def _open_grant(self, verified: Verified, writer: WriterId) -> OpenedEntry | Finding:
        place, body = verified.place, verified.sealed.entry.body
        try:
            grant = open_grant_untrusted(self._device, place, body)
        except OpenError:
            known = self._secrets.get(place.key_id)
            if known is None:
                return Finding(Fault.LOCKED, verified.spot, place.seq)
            self._table = open_table_untrusted(known, place, body)
        else:
            self._secrets.update((secret.key_id, secret) for secret in grant.secrets)
            self._table = grant.table
        return OpenedEntry(verified, writer, ())

    def _key(self, verified: Verified) -> EntryKey | None:
        log, key_id = verified.spot.ref.log, verified.sealed.entry.key_id
        key = self._keys.get((log, key_id))
        if key is None:
            secret = self._secrets.get(key_id)
            if secret is None:
                return None
            if len(self._keys) >= _KEPT_KEYS:
                self._keys.clear()
            key = self._keys[log, key_id] = entry_key(secret, self._channel, log)
        return key

    def _counting(
        self, verified: Verified, writer: WriterId, events: Sequence[Event]
    ) -> OpenedEntry | Finding:
        roles: Mapping[WriterId, Role] = self._table.roles
        entry = verified.sealed.entry
        void = check_entry(
            entry.seq,
            entry.kind,
            events,
            authority(self._channel, writer, roles),
            cut_of(verified.spot.ref.log, self._table.cuts),
        )
        if not void:
            return OpenedEntry(verified, writer, events)
        return Finding(Fault.VOID, verified.spot, entry.seq, void[0].reason.value)
