"""Mirror: one terminal that was joined; a stage whose output comes from somebody else's log.

    Follower ─► Store    ─► Keeping            Voice ◄─ keys, windows of those who look; the host's pulses
             ├► Learnt   ─► Granted              └► downlink; notices
             ├► Shown    ─► the screen, anew
             └► Happened ─► output, sizes, name, end

Invariants: clients are painted, never given the other machine's bytes; what it asks its terminal is answered there, and
what it copies stays there.

A little long, as it is where three small interfaces meet: the follower's effects, the downlink, and a stage's hooks.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import trio

from cctm.archive.catalogue import Ended, Joined
from cctm.archive.storage import LogRef
from cctm.cctmd.building import Settling, build_fold
from cctm.cctmd.joining.banner import PARTED, Standing, banner
from cctm.cctmd.joining.granted import Granted
from cctm.cctmd.joining.keeping import Keeping, Reached
from cctm.cctmd.joining.voice import Voice
from cctm.cctmd.joining.watermark import decode_known_untrusted, encode_known
from cctm.cctmd.recorder import Screen
from cctm.cctmd.services import RefusedError
from cctm.cctmd.sizing import Sizing
from cctm.cctmd.stage import Ending, Stage
from cctm.cctmd.viewers import Viewer
from cctm.protocol import events
from cctm.protocol.control.values import FloorAction, Parted, Reason
from cctm.protocol.events import Event, Keyframe
from cctm.protocol.keys import ChannelId, DeviceKeys, EpochSecret, StreamId, WriterId
from cctm.protocol.live.words import Wish
from cctm.protocol.sync.follower import (
    Effect,
    Follower,
    ForReader,
    Happened,
    Learnt,
    Noticed,
    Shown,
    Store,
)
from cctm.protocol.sync.messages import Fetch, Live, Tail
from cctm.screen.fold import Fold, within_limits
from cctm.screen.queries import Query

LOG = logging.getLogger(__name__)

PATIENCE_US: Final = 3_000_000  # in which a host that is there has answered
GREETING: Final = "A terminal of another machine. Ctrl+B d leaves it, Ctrl+B ? shows all keys."
NOT_TYPED: Final = "Not typed: there is no connection to the host."


class Mirror(Stage):
    """A terminal of another machine."""

    serves_raw = False

    def __init__(
        self,
        channel: ChannelId,
        screen: Screen,
        offset: int,
        *,
        settling: Settling,
        joined: Joined,
        secrets: Sequence[EpochSecret],
        keeping: Keeping,
        on_changed: Callable[["Mirror"], None],
        on_looked_at: Callable[["Mirror"], None],
    ) -> None:
        """
        Args:
            settling: the registry, for what is on disk; `services` of it are used.
            joined: what is known of the channel.
            secrets: of its epochs, as far as they were learnt.
            on_changed: told when name or end are other than they were.
            on_looked_at: told when somebody comes or goes.
        """
        self.joined = joined
        self._own = joined.keys  # each is told from the other by being the same object
        self._by_link = joined.link(channel).device
        self.granted = Granted(channel, self._own, self._by_link, secrets, settling.services)
        self.keeping = keeping
        self.follower = Follower(
            channel,
            [self._own, self._by_link],
            (joined.generation, joined.epoch),
            decode_known_untrusted(joined.known),
        )
        self.voice = Voice(channel, self._own, settling.services.clock, self)
        self.outgoing: Callable[[Live | Fetch | Tail], None] | None = None  # while there is a connection
        self.host_name = ""  # what the host calls it
        self.argv: tuple[bytes, ...] = ()
        self.is_given_up = False  # another took its place, or it was removed: what it knows counts no more
        self.arrived = trio.Event()  # something of it was shown
        self._is_changed = False  # name or command, by what is being performed
        self._owes_note = False
        self.stalled: Callable[[], str] = lambda: ""
        self.hurry: Callable[[], None] = lambda: None  # somebody waits for the connection
        self._services = settling.services
        self._lack = "Not connected."
        self._connected_us = 0
        self._sizing: Sizing[Viewer] = Sizing()
        self._is_over: Ended | None = None
        self._unheld = trio.Event()
        self._unheld.set()
        self._on_changed = on_changed
        self._on_looked_at = on_looked_at

        async def build(until: int) -> Fold:
            fold = await build_fold(settling, channel, self.stream, until)
            self.screen.cols, self.screen.rows = fold.cols, fold.rows
            return fold

        super().__init__(
            channel, screen, offset, build=build if offset else None, nursery=settling.services.nursery
        )

    # --- the connection

    @property
    def keys(self) -> DeviceKeys:
        """As whom to come: oneself, once the host knows us; else by the link."""
        return self._own if self.joined.is_enrolled else self._by_link

    @property
    def is_let_in(self) -> bool:
        """Whether a grant of the host's opened, be the screen there or not; and the host did not say farewell since."""
        return self.voice.parted not in PARTED and (self.granted.is_any or self.arrived.is_set())

    @property
    def has_parted(self) -> bool:
        """Whether the host said goodbye to us."""
        return self.voice.parted is not None

    @property
    def is_oneself(self) -> bool:
        """Whether we speak to the host by our own key, not the link's."""
        return self.voice.is_own

    @property
    def is_connected(self) -> bool:
        return self.outgoing is not None

    def connected(self, send: Callable[[Live | Fetch | Tail], None]) -> None:
        """There is a connection, made with `keys`; *send* puts a message on its way."""
        self.outgoing = send
        self._lack = ""
        self._connected_us = self._services.clock.now_us()
        self.follower.connected()
        self.look()

    def found_host(self, host: WriterId) -> None:
        """The key of the channel's owner is *host*."""
        if self.joined.is_enrolled:
            self.voice.as_oneself(host, self.granted.own_role)
        else:
            self.voice.by_link(host, self._by_link, self.joined.label)

    def disconnected(self, lack: str) -> None:
        """There is no connection, or none any more; *lack* says why."""
        self.outgoing = None
        self._lack = lack
        self.voice.cut()
        self.look()

    def not_known_there(self) -> None:
        """The relay does not know our own key: come by the link again, and enrol."""
        self.joined = replace(self.joined, is_enrolled=False)
        self.voice.fall_silent()

    def known_after_all(self) -> None:
        """The relay lets in by the link. If the host's newest grant names us, come as oneself: the relay lacked the
        host's list, and has it now. No other grant would come: the host knows us."""
        if self.granted.is_named:
            self.joined = replace(self.joined, is_enrolled=True)

    def look(self) -> None:
        """Say what there is to say of the connection."""
        now_us = self._services.clock.now_us()
        hailing = self.voice.hailing
        known = self.follower.known
        is_young = now_us - self._connected_us < PATIENCE_US
        standing = Standing(
            lack=self._lack,
            parted=self.voice.parted,
            doubts=self.follower.doubts,
            is_shown=self.follower.is_shown or is_young,
            withholds=hailing is not None and hailing.withholds({known.log: known.size}, now_us),
            is_confirmed=is_young or (hailing is not None and now_us < hailing.confirmed_until_us),
        )
        text = "" if self.ending is not None else banner(standing)
        if text != self.banner and standing.parted in PARTED:
            self.say(text)  # instead of the greeting, which would lie over it for a while
        self.put_banner(text)

    # --- what comes

    def take_untrusted(self, message: ForReader) -> None:
        """What the relay says of the channel's logs.

        Raises:
            MalformedError, ChainError: it lies, or fails: drop the connection.
        """
        self.perform(self.follower.take_untrusted(message))

    def take_live_untrusted(self, data: bytes) -> None:
        """A live message, as from the host."""
        self.voice.take_untrusted(data, self.granted.secrets)

    def part(self, parted: Parted) -> None:
        """Nothing more comes, and why, or it does again; a listing says so, also after the next start."""
        if parted != self.joined.parted:
            self.joined = replace(self.joined, parted=int(parted))
            self.note()

    def send_live(self, data: bytes) -> None:
        """Send *data* to the host, if there is a connection."""
        if self.outgoing is not None:
            self.outgoing(Live(b"", data))

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do what the follower says, in its order; what is to be stored, behind the rest.

        What costs a write to the disk is done once for all of it: a host may say it thousands of times in a message.
        """
        stores = []
        for effect in effects:
            match effect:
                case Store():
                    stores.append(effect)
                case Learnt():
                    self._learn(effect)
                case Shown(keyframe):
                    self._begin_at(keyframe)
                case Happened(happened):
                    for event in happened:
                        self._follow(event)
                case Noticed():
                    LOG.warning("terminal %s: %s", self.log_name, effect.text)
                    self.say(effect.text)
                case _:
                    if self.outgoing is not None:
                        self.outgoing(effect.message)
        reached = Reached(self.stream, self.taken, self._is_over)
        for store in stores:
            ref = LogRef(self.channel, store.ref.log, store.ref.generation)
            self.keeping.take(ref, store.first, store.records, store.head, reached, self.stalled())
        self.granted.store()
        if self._owes_note or not self.keeping.is_noted:
            self.note()
        self.look()
        if self._is_changed:
            self._is_changed = False
            self._on_changed(self)
        if self._is_over is not None and self.ending is None:
            self.put_banner("")
            self.finish(Ending(*self._is_over))
            self._on_changed(self)

    def _learn(self, learnt: Learnt) -> None:
        self.granted.learn(learnt)
        if self.granted.is_named and not self.joined.is_enrolled:
            self.joined = replace(self.joined, is_enrolled=True)
        self.voice.become(self.granted.own_role)
        self.voice.learnt(self.granted.secrets)
        self._owes_note = True

    def _begin_at(self, keyframe: Keyframe) -> None:
        size = within_limits(keyframe.cols, keyframe.rows)
        stream = keyframe.stream if keyframe.stream is not None else self.stream
        self._is_over = None
        self.begin_at(StreamId(stream), keyframe.offset, size, keyframe.screen or b"")
        self._call(keyframe.name)
        self.arrived.set()

    def _call(self, name: str) -> None:
        if name != self.host_name:
            self.host_name = name
            self._is_changed = True

    def _follow(self, event: Event) -> None:
        match event:
            case events.Output(offset=offset, data=data):
                if offset != self.taken:
                    self.skip_to(offset)
                self.show(data)
            case events.Resized(cols=cols, rows=rows, by=by):
                self.change_size(*within_limits(cols, rows), by)
            case events.Renamed(name=name):
                self._call(name)
            case events.Gap(offset=offset, length=length):
                self.skip_to(offset + (length or 0))
            case events.Opened(argv=argv):
                self.argv = argv
                self._is_changed = True
            case events.Closed(how=how, code=code):
                self.show_held()
                self._is_over = (how, code)
            case _:
                return

    def note(self) -> None:
        """Have the catalogue know what was stored and seen."""
        if self.is_given_up:
            return
        self._owes_note = False
        self.joined = replace(self.joined, known=encode_known(self.follower.known))
        self.keeping.note(self.joined)

    # --- what goes

    def due(self) -> None:
        """Do what time brings."""
        self.voice.due(is_connected=self.is_connected)
        self.turn_over()
        self.look()

    def typed(self, viewer: Viewer, data: bytes, now_us: int) -> None:
        """*viewer*, who drives, typed *data*."""
        if not self.is_connected:
            self.hurry()
        if self.voice.driver is None or not self.is_connected:
            viewer.say(NOT_TYPED)
            return
        notice = self.voice.type(data, self.granted.role, now_us)
        if notice:
            viewer.say(notice)
        self.voice.fit(self._sizing.typed(viewer, now_us))

    @property
    def has_room(self) -> bool:
        """Whether more may be typed: what is too much is dropped, and told."""
        return True

    async def room(self) -> None:
        """Return."""
        await trio.lowlevel.checkpoint()

    def claim(self, viewer: Viewer, window: tuple[int, int], now_us: int) -> None:
        """The window of *viewer*, who drives, has this size now: the host decides what follows from that."""
        self.voice.fit(self._sizing.claim(viewer, window, now_us))

    def floor(self, action: FloorAction, who: bytes) -> None:
        """A client asks for the keyboard, or gives it back.

        Raises:
            RefusedError: it is the host's to grant, or cannot be asked.
        """
        if action is FloorAction.GRANT:
            raise RefusedError(
                Reason.FAILED, "Only the host passes the keyboard on.", "Ask for it, or give it back."
            )
        wish = Wish.REQUEST if action is FloorAction.REQUEST else Wish.RELEASE
        if not self.is_connected or not self.voice.wish(wish):
            raise RefusedError(Reason.FAILED, "The host cannot be asked now.", "Try again once it answers.")

    # --- as a stage

    @property
    def held(self) -> str:
        """Why recording waits: here it does not."""
        return ""

    @property
    def greeting(self) -> str:
        """What whoever attaches may not know of it: to leave by `exit` would end the host's program.

        Who was removed needs to know that instead, and the banner says it.
        """
        return "" if self.joined.parted else GREETING

    def join(self, viewer: Viewer) -> None:
        """Send what is shown to *viewer* from now on."""
        super().join(viewer)
        self._on_looked_at(self)

    def _left(self, viewer: Viewer) -> None:
        self.voice.fit(self._sizing.leave(viewer))
        self._on_looked_at(self)

    def finish(self, ending: Ending) -> None:
        """Nothing more will come."""
        super().finish(ending)
        self._on_looked_at(self)

    def _asked(self, query: Query, fold: Fold) -> None:
        """Its own machine answers."""

    def answered(self, viewer: Viewer, number: int, data: bytes) -> None:
        """Nobody was asked."""

    def _copied(self, copied: Query) -> None:
        """What it copies is for its own machine."""

    def _wait_for_screen(self) -> None:
        if self._unheld.is_set():
            self._unheld = trio.Event()

    def _screen_is_known(self) -> None:
        self._unheld.set()

    async def room_for_more(self) -> None:
        """Wait until more of the connection should be read: not while too much of what came waits to be shown."""
        await self._unheld.wait()
