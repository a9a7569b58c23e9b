"""One terminal that is shared.

    share, enrol ─► members on disk ─► grant ─► (keyframe) ─► uplink: access list, records
    unshare, kick, expiry ─► refused at once ─► members, next epoch on disk ─► grant ─► keyframe ─► farewell
    guest ─live message─► gate ─► PTY, size, floor, announcements

**Invariants**

- Whoever is taken from the list types nothing from that moment on; nothing is sealed for them once that is on disk.
- Whoever is added gets nothing before the list that names them is on disk.
- One change after the other: each is made of the list that the one before left.
"""

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import trio

from cctm.archive.debts import Debt
from cctm.archive.segment import LogRef
from cctm.cctmd.links.outgoing import Outgoing
from cctm.cctmd.links.uplink import Uplink, Where
from cctm.cctmd.links.upload import Found
from cctm.cctmd.once import Once
from cctm.cctmd.recorder import ChannelKeys, Owed
from cctm.cctmd.services import RefusedError, Services, wait_for
from cctm.cctmd.sharing.debts import LIKELY, Debts
from cctm.cctmd.sharing.enlisting import Enlisting
from cctm.cctmd.sharing.last_seen import LastSeen
from cctm.cctmd.sharing.own_logs import OwnLogs
from cctm.cctmd.sharing.roster import roster_of, without_barred
from cctm.cctmd.terminal import Terminal
from cctm.protocol.access import Role
from cctm.protocol.admission import sign_access
from cctm.protocol.control.values import FloorAction, Reason
from cctm.protocol.errors import CctmError
from cctm.protocol.events import Control, Joined, Left
from cctm.protocol.keys import SEED_BYTES, EpochSecret, LogId, WriterId
from cctm.protocol.live.decisions import (
    Answer,
    Came,
    Decision,
    Enlist,
    Fit,
    Hold,
    Member,
    Moment,
    Request,
    Type,
    Went,
)
from cctm.protocol.live.gate import Gate
from cctm.protocol.live.messages import Why, seal_farewell
from cctm.protocol.members import Members
from cctm.screen.fold import within_limits

LOG = logging.getLogger(__name__)

LAST_S: Final = 30.0  # for the relay to take what is left, once it is over


class Shared:
    """One terminal that is shared, from its first link to its end or its last, while this daemon runs."""

    def __init__(self, terminal: Terminal, services: Services, debts: Debts, where: Where) -> None:
        """
        Args:
            where: the relay, asked each time before it is dialled.
        """
        self.terminal = terminal
        self.lock = trio.Lock()  # held by whoever changes the members
        self.finished = trio.Event()
        self.expiring = Once()
        self.enlisting = Enlisting(
            terminal, self.lock, lambda members: self.change(members, owed=Owed.GRANT, rotates=False)
        )
        self._services = services
        self._debts = debts
        self._scope = trio.CancelScope()
        keys = terminal.recorder.keys
        self.seen = LastSeen(keys.channel, services, lambda: self.members)
        self._roster: dict[WriterId, Member] = {}
        self._barred: set[WriterId] = set()  # were taken from the list, which may not be on disk
        self._over = trio.Event()  # the terminal ended, or nobody is left
        self._read_roster(keys.members)
        self.gate = Gate(keys.channel, keys.writer, self._roster.get, os.urandom)
        outgoing = Outgoing(services.home.archive)
        self.logs = OwnLogs(outgoing)
        self.uplink = Uplink(keys.channel, keys.writer, where, outgoing, self)

    @property
    def members(self) -> Members:
        return self.terminal.recorder.keys.members

    @property
    def _keys(self) -> ChannelKeys:
        return self.terminal.recorder.keys

    # --- running

    async def run(self) -> None:
        """Keep the relay level, and let guests in, until nothing is shared any more; what it lacks then is a debt."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.uplink.run)
                nursery.start_soon(self.enlisting.run)
                nursery.start_soon(self.seen.run)
                nursery.start_soon(self._see_the_end)
                await self._over.wait()
                with trio.move_on_after(LAST_S):
                    await wait_for(self._services.storage.barrier())
                    await self.uplink.delivered()
                nursery.cancel_scope.cancel()

    @property
    def is_over(self) -> bool:
        """Whether it only waits for its relay."""
        return self._over.is_set()

    async def leave(self) -> None:
        """Have it end now."""
        self._scope.cancel()
        await self.finished.wait()

    async def _see_the_end(self) -> None:
        await self.terminal.ended.wait()
        self._farewell(self._roster, Why.ENDED)
        self._over.set()

    def known(self, stored: Sequence[tuple[LogRef, int]]) -> None:
        """Logs of earlier starts, and how many entries of each are on disk: what is shared goes to the relay."""
        self.logs.known(stored, self.members.first_generation)

    def attach(self) -> None:
        """Pass on what is sealed from now on."""
        if self.terminal.recorder.log is not None:  # of earlier in this daemon's life; a relay may have it
            self.logs.own([self.terminal.recorder.log])
        self.terminal.recorder.on_sealed = self.logs.sealed
        self.terminal.on_durable = self.logs.durable
        self.terminal.on_floor = self._floor

    def go_on(self) -> None:
        """Pass on the log that is being written, too, from its beginning: it was begun for the members."""
        recorder = self.terminal.recorder
        if recorder.log is not None:
            self.logs.go_on(recorder.log, recorder.sealed_size)

    def detach(self) -> None:
        self.terminal.recorder.on_sealed = None
        self.terminal.on_durable = None
        self.terminal.on_floor = None
        self.terminal.barred = ""

    # --- who is in

    def rule(self) -> None:
        """With a floor somebody has it, from the first moment on, also after a restart: the host's own user."""
        has_floor = self.members.has_floor
        if has_floor is not bool(self.gate.holder):
            holder = self._keys.writer.public if has_floor else b""
            self.perform(self.gate.give(holder, self.moment()))

    async def change(self, members: Members, *, owed: Owed, rotates: bool) -> None:
        """Have *members* be the list, from now on and on disk; the lock is held.

        Args:
            owed: what the record needs: a grant, or another log.
            rotates: a new epoch begins, with a keyframe.
        Raises:
            OSError, CctmError: it cannot be stored. Who was removed types nothing while this daemon runs, and the next
                change that can be stored removes them.
        """
        wanted, members = members, without_barred(members, self._barred)
        rotates = (rotates or members != wanted) and self.terminal.ending is None  # then nothing is sealed
        gone = {who for who in (*self._roster, *self._barred) if not members.is_in(who)}
        self._bar(gone)
        keys = self._keys
        fresh = EpochSecret(keys.epoch.number + 1, os.urandom(SEED_BYTES)) if rotates else None
        catalogue = self._services.catalogue
        signed, version = self._signed(members)
        debt = None
        if gone or any(debt.relay == members.relay for debt in self._debts.of(keys.channel)):
            debt = Debt(members.relay, self.terminal.name, keys.writer.seed, signed)

        def store() -> None:
            with catalogue.transaction():
                catalogue.put_members(keys.channel, members)
                if fresh is not None:
                    catalogue.put_epoch(keys.channel, fresh)
                if debt is not None:
                    catalogue.put_debt(debt)

        await wait_for(self._services.storage.run_aside(store))
        if debt is not None:
            self._debts.owe(debt)
        epochs = keys.epochs if fresh is None else (*keys.epochs, fresh)
        self._barred = {who for who in self._barred - gone if members.is_in(who)}
        self._read_roster(members)
        keys = replace(keys, epochs=epochs, members=members)
        if self.terminal.ending is None:
            self.terminal.grant(keys, owed, begins_epoch=rotates)
        else:
            self.terminal.recorder.follow(keys, Owed.NOTHING)  # behind the end stands nothing
        self._farewell(gone, Why.REMOVED if members else Why.UNSHARED)
        self.uplink.access(signed, version)
        if not members:
            self._over.set()
        await wait_for(self._services.storage.barrier())

    def access(self) -> tuple[bytes, int]:
        """The access list, signed, and its version."""
        return self._signed(self.members)

    def _signed(self, members: Members) -> tuple[bytes, int]:
        key = self._keys.writer
        is_last = self.terminal.ending is not None and not members
        access = members.closing(key.public) if is_last else members.access(key.public)
        return sign_access(access, key), access.version

    def _read_roster(self, members: Members) -> None:
        # The gate asks this very dictionary: what is taken from it is refused from then on. A change that was made
        # before, and is stored now, brings nobody back who was barred meanwhile.
        self.seen.only(members)
        self._roster.clear()
        self._roster.update(
            (who, member) for who, member in roster_of(members).items() if who not in self._barred
        )

    def _bar(self, whom: Collection[WriterId]) -> None:
        """Take no word of theirs from now on, whatever becomes of the list on disk."""
        self._barred |= set(whom)
        for who in whom:
            self._roster.pop(who, None)

    def _farewell(self, whom: Collection[WriterId], why: Why) -> None:
        for who in whom:
            self.uplink.live(who, seal_farewell(self._keys.writer, self._keys.channel, who, why))

    # --- what the relay brings (uplink's Host)

    def known_logs(self) -> Collection[LogId]:
        """All logs that this home ever began in the channel."""
        return self.logs.ids

    def found(self, found: Found) -> None:
        """What the relay has of our own logs is known, for this connection."""
        if found.is_copy:
            self._copied(found)
        else:
            self.gate.open_for_input()
            self.access_stored(found.access_version)

    def _copied(self, found: Found) -> None:
        """This home is a copy, or was restored: let nobody in whom it may have removed since (SPEC.md §16.9)."""
        self._bar(list(self._roster))
        self.terminal.recorder.go_beyond(found.highest_generation)
        self.terminal.say("This home is a copy, or a backup: nobody shares this terminal any more.")
        LOG.warning(
            "terminal %s: the relay knows a newer log of ours: a copy, or a backup", self.terminal.log_name
        )
        # What it says of its list is proved by nothing, and a number that is not to be believed leaves none above it.
        is_likely = found.access_version - self.members.version < LIKELY
        self._services.nursery.start_soon(self._turn_out, found.access_version if is_likely else 0)

    async def _turn_out(self, above: int) -> None:
        async with self.lock:
            try:
                await self.change(self.members.nobody(above), owed=Owed.LOG, rotates=True)
            except (OSError, CctmError):
                LOG.exception("terminal %s: cannot be unshared", self.terminal.log_name)

    def live_came(self, who: WriterId, data: bytes) -> None:
        """A live message."""
        self.perform(self.gate.take_untrusted(who, data, self.moment()))

    def access_stored(self, version: int) -> None:
        """The relay has the access list."""
        self._debts.paid(self._keys.channel, self.members.relay, version)

    # --- what guests do

    def moment(self) -> Moment:
        """What is so now."""
        terminal = self.terminal
        return Moment(
            self._services.clock.now_us(),
            terminal.stream if terminal.ending is None else None,
            terminal.recorder.offset,
            () if self.logs.head is None else (self.logs.head,),
            self._keys.epoch,
        )

    def perform(self, decisions: Sequence[Decision]) -> None:
        """Do what the gate decided."""
        for decision in decisions:
            self._perform(decision)

    def _perform(self, decision: Decision) -> None:
        terminal = self.terminal
        now_us = self._services.clock.now_us()
        match decision:
            case Answer(to, data):
                self.uplink.live(to, data)
            case Type(who, data):
                terminal.guest_typed(who, data, now_us)
            case Fit(who, cols, rows):
                terminal.guest_window(who, within_limits(cols, rows))
            case Enlist():
                self.enlisting.wants(decision)
            case Request(who):
                terminal.say(f"{self.label_of(who)} asks for the keyboard: Ctrl+B r gives it.")
            case Hold(holder):
                self._held(holder)
            case Came(who, label):
                terminal.note(lambda dt_us: Joined(dt_us, who, label))
                terminal.say(f"{label} is here.")
            case Went(who):
                self.seen.left(who)
                terminal.note(lambda dt_us: Left(dt_us, who))
                terminal.guest_left(who)
                terminal.say(f"{self.label_of(who)} left.")

    def _held(self, holder: bytes) -> None:
        terminal = self.terminal
        is_own = holder == self._keys.writer.public
        terminal.note(lambda dt_us: Control(dt_us, holder))
        terminal.barred = ""
        if holder and not is_own:
            terminal.barred = f"{self.label_of(holder)} has the keyboard: Ctrl+B r takes it back."
            terminal.say(f"{self.label_of(holder)} has the keyboard.")
        terminal.floor_changed(b"" if is_own else holder or None)

    def _floor(self, action: FloorAction, who: bytes) -> None:
        """The host's own user gives the keyboard to a guest, or takes it back.

        Raises:
            RefusedError: it is nobody's, or they may not have it.
        """
        own = self._keys.writer.public
        if not self.members.has_floor:
            raise RefusedError(
                Reason.FAILED,
                "Everybody who drives may type here.",
                "`cctm unshare` it and `cctm share --drive --floor`, to have one type at a time.",
            )
        to = own
        if action is FloorAction.GRANT and who:
            to = WriterId(who)
            if self.members.guest(to) is None or self.members.role_of(to) is not Role.DRIVER:
                raise RefusedError(Reason.FAILED, "They may not type.", "See `cctm who`.")
        self.perform(self.gate.give(to, self.moment()))

    def label_of(self, who: bytes) -> str:
        """What a guest calls itself."""
        guest = self.members.guest(WriterId(who))
        return "Somebody" if guest is None else guest.label
