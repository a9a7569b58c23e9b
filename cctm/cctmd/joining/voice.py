"""Voice: what those who look at a joined terminal say to its host, and what the host answers.

    keys typed, windows, wishes ─► Driver ─► Send ─► downlink
    typed before there was a session ─► Early ─┘  └► Dropped ─► a notice
    the host's pulses ─► who is here, who has the keyboard, whether it is confirmed live; a farewell

Invariant: what is typed reaches the host, or whoever typed is told that it did not.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from cctm.cctmd.clock import Clock
from cctm.cctmd.joining.early import Early
from cctm.protocol.access import Role
from cctm.protocol.control import replies
from cctm.protocol.control.values import Parted
from cctm.protocol.ids import channel_id
from cctm.protocol.keys import ChannelId, DeviceKeys, EpochSecret, KeyId, WriterId
from cctm.protocol.live import effects as driving
from cctm.protocol.live.driver import Driver
from cctm.protocol.live.effects import Loss
from cctm.protocol.live.hailing import Hailing
from cctm.protocol.live.messages import Why
from cctm.protocol.live.words import Wish

LOSSES: Final[Mapping[Loss, str]] = {
    Loss.VIEWER: "Not typed: the host lets you watch only.",
    Loss.NOT_YET: "Not typed: the host has not answered yet.",
    Loss.UNHEARD: "Not typed: the host does not answer.",
    Loss.HELD: "Not typed: somebody else has the keyboard. Ctrl+B r asks for it.",
    Loss.FULL: "Not typed: too much at once.",
    Loss.REFUSED: "The host did not take the last {} that you typed.",
    Loss.UNKNOWN: "The host may not have taken the last {} that you typed.",
}
PARTED: Final[Mapping[Why, Parted]] = {Why.REMOVED: Parted.REMOVED, Why.UNSHARED: Parted.UNSHARED}


class Listener(Protocol):
    """The terminal that it speaks for."""

    taken: int  # of the stream: what lies before was shown

    def send_live(self, data: bytes) -> None:
        """Send *data* to the host, if there is a connection."""

    def say(self, text: str) -> None:
        """Show *text* for a moment."""

    def part(self, parted: Parted) -> None:
        """The host says why nothing more comes, or was heard again."""

    def tell(self, message: tuple[object, ...]) -> None:
        """Send *message* to all who look."""


class Voice:
    """One guest's, in one channel."""

    def __init__(self, channel: ChannelId, own: DeviceKeys, clock: Clock, listener: Listener) -> None:
        """
        Args:
            own: the guest's keys; until the host knows them it speaks by its link's.
        """
        self.driver: Driver | None = None  # once the host is known
        self.parted: Why | None = None  # the host's farewell
        self._channel = channel
        self._own = own
        self._clock = clock
        self._listener = listener
        self._keys: DeviceKeys | None = None  # as whom it speaks
        self._early = Early()
        self._has_begun = False  # there was a session
        self._window: tuple[int, int] | None = None
        self._holder: bytes | None = None  # who was said to have the keyboard

    @property
    def is_own(self) -> bool:
        """Whether it speaks by our own key, not the link's."""
        return self.driver is not None and self._keys is self._own

    @property
    def hailing(self) -> Hailing | None:
        """What the host's answers prove."""
        return None if self.driver is None else self.driver.hailing

    @property
    def wake_us(self) -> int | None:
        """When `due` has something to do; None: the host is not known."""
        return None if self.driver is None else self.driver.wake_us()

    # --- as whom it speaks

    def by_link(self, host: WriterId, link: DeviceKeys, label: str) -> None:
        """Speak by the link's keys, and ask the host to know our own."""
        if self._keys is not link:
            self._keys = link
            self.driver = Driver(self._channel, host, link, Role.VIEWER, os.urandom)
            self._perform(self.driver.enrol(self._own, label))

    def as_oneself(self, host: WriterId, role: Role) -> None:
        """Speak by our own keys."""
        if self._keys is not self._own:
            self._keys = self._own
            self.driver = Driver(self._channel, host, self._own, role, os.urandom)
            if self._window is not None:
                self._perform(self.driver.window(*self._window, self._clock.now_us()))

    def fall_silent(self) -> None:
        """The relay does not know the keys by which it spoke: what was typed and not answered is lost."""
        if self.driver is not None:
            self._perform(self.driver.give_up())
        self.driver = self._keys = None

    def become(self, role: Role) -> None:
        """The newest grant says that we are a *role*."""
        if self.driver is not None and self.is_own:
            self._perform(self.driver.become(role))

    def cut(self) -> None:
        """The connection is gone."""
        if self.driver is not None:
            self.driver.cut()

    # --- what the host says

    def take_untrusted(self, data: bytes, secrets: Mapping[KeyId, EpochSecret]) -> None:
        """A live message, as from the host."""
        if self.driver is not None:
            self._perform(self.driver.take_untrusted(data, self._clock.now_us(), secrets))
            self._type_early(self.driver)

    def learnt(self, secrets: Mapping[KeyId, EpochSecret]) -> None:
        """There are more *secrets*."""
        if self.driver is not None:
            self._perform(self.driver.learnt(self._clock.now_us(), secrets))
            self._type_early(self.driver)

    def _perform(self, effects: Sequence[driving.Effect]) -> None:
        for effect in effects:
            match effect:
                case driving.Send(data):
                    self._listener.send_live(data)
                case driving.Dropped(size, loss):
                    self._listener.say(LOSSES[loss].format(f"{size} bytes" if size > 1 else "byte"))
                case driving.Parted(why):
                    self.parted = why
                    self._listener.part(PARTED.get(why, Parted.NOT))
                case driving.Heard():
                    self.parted = None
                    self._listener.part(Parted.NOT)
                    self._tell_holder()

    def _tell_holder(self) -> None:
        holder = self.presence().holder
        if holder != self._holder:
            self._holder = holder
            self._listener.tell(replies.FloorHeld(holder))

    def presence(self) -> replies.Presence:
        """The host, the guests who are in it, and who has the keyboard, as the host said last."""
        own = self._own.sign_public
        answered = None if self.hailing is None else self.hailing.answered
        if answered is None:
            return replies.Presence([], own, None)
        wall_us = self._clock.wall_us()
        rows = [replies.PersonRow(b"", "", Role.OWNER, b"", 0, None, None)]
        rows += [
            replies.PersonRow(
                person.who,
                person.label,
                int(person.role),
                b"",
                max(0, wall_us - person.since_us),
                person.idle_us,
                answered.round_trip_us if person.who == own else None,
            )
            for person in answered.pulse.people
        ]
        holder = answered.pulse.holder
        is_host = channel_id(WriterId(holder)) == self._channel
        return replies.Presence(rows, own, b"" if is_host else holder or None)

    # --- what is said to it

    def due(self, *, is_connected: bool) -> None:
        """Do what time brings."""
        if self.driver is not None and is_connected:
            self._perform(self.driver.due(self._clock.now_us()))
        if self._early.forget(self._clock.now_us()):
            self._listener.say(LOSSES[Loss.NOT_YET])

    def type(self, data: bytes, role: Role, now_us: int) -> str:
        """Somebody typed *data*, and may do as a *role* does. What to tell them at once; empty: nothing."""
        assert self.driver is not None  # there is a connection, on which the host was found
        if role < Role.DRIVER:
            return LOSSES[Loss.VIEWER]
        if not self._has_begun and not self.driver.can_type:
            return "" if self._early.put(data, now_us) else LOSSES[Loss.FULL]
        if not self.is_own:
            return LOSSES[Loss.NOT_YET]
        self._perform(self.driver.type(data, self._listener.taken, now_us))
        return ""

    def _type_early(self, driver: Driver) -> None:
        """Send what was typed before there was a session, if that is not long ago."""
        if driver.can_type and not self._has_begun:
            self._has_begun = True
            now_us = self._clock.now_us()
            if self._early.forget(now_us):
                self._listener.say(LOSSES[Loss.NOT_YET])
            data = self._early.take()
            if data:
                self._perform(driver.type(data, self._listener.taken, now_us))

    def fit(self, window: tuple[int, int] | None) -> None:
        """The window in which is typed has this size; None: there is none."""
        if window is not None and window != self._window:
            self._window = window
            if self.driver is not None:
                self._perform(self.driver.window(*window, self._clock.now_us()))

    def wish(self, wish: Wish) -> bool:
        """Ask for the keyboard, or give it back; False: the host cannot be asked now."""
        if self.driver is None or not self.driver.can_type:
            return False
        self._perform(self.driver.floor(wish, self._clock.now_us()))
        return True

    def leave(self) -> None:
        """Nobody looks any more: the host need not wait until it misses us."""
        if self.driver is not None:
            self._perform(self.driver.leave())
