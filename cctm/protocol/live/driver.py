"""The reader's side of live messages: hails, and input (SPEC.md §16.5–16.7).

    due ──► hail ─► … ─► pulse ─► confirmed live, box key, session
    type ─► queue ─► frames of the session ─► … ─► ran, or Dropped

**Invariants**

- Nothing is typed into a session that is not known to live, or on the word of a host that was not heard for 10 s: it is
  dropped, and its user told at once.
- Only the answer to a hail of ours is believed. A pulse that nobody asked for says what became of our session, by its
  name; if it says anything else that is new, we ask.
- Nothing that comes raises; a message that is not understood is as if it had not come.
"""

from collections.abc import Callable, Mapping

from cctm.protocol.access import Role
from cctm.protocol.errors import LocalError, MalformedError, OpenError
from cctm.protocol.keys import SEED_BYTES, ChannelId, DeviceKeys, EpochSecret, KeyId, WriterId, channel_id
from cctm.protocol.live.effects import Dropped, Effect, Heard, Loss, Parted, Send
from cctm.protocol.live.hailing import DRIVER_EVERY_US, READER_EVERY_US, Answered, Hailing
from cctm.protocol.live.messages import (
    Kind,
    open_farewell_untrusted,
    open_live_untrusted,
    open_pulse_untrusted,
    seal_hail,
    seal_word,
)
from cctm.protocol.live.pulse import Life, Pulse
from cctm.protocol.live.session import Frames, Queue
from cctm.protocol.live.words import Floor, Input, Leave, Window, Wish, Word, make_enrol


class Driver:
    """One reader's side of one channel's live messages: a driver's, a viewer's, or a link's."""

    def __init__(
        self,
        channel: ChannelId,
        host: WriterId,
        keys: DeviceKeys,
        role: Role,
        draw: Callable[[int], bytes],
    ) -> None:
        """
        Args:
            keys: of the guest; or of the link, to read and to enrol (then the role is viewer).
            draw: so many bytes from the system's random source.
        """
        if channel_id(host) != channel:
            raise LocalError("a host that does not own its channel")
        self._channel = channel
        self._host = host
        self._keys = keys
        self._role = role
        self._draw = draw
        self._hailing = Hailing(draw)
        self._frames: Frames | None = None
        self._queue = Queue()
        self._seen = 0
        self._window: tuple[int, int] | None = None
        self._owes_window = False
        self._guest: tuple[DeviceKeys, str] | None = None
        self._unopened = b""  # the newest pulse that needs a secret which was not known

    # --- what is known

    @property
    def pulse(self) -> Pulse | None:
        """The newest answer of the host's."""
        return None if self._hailing.answered is None else self._hailing.answered.pulse

    @property
    def hailing(self) -> Hailing:
        """What the host's answers prove: confirmed live or not, and whether a relay withholds."""
        return self._hailing

    @property
    def can_type(self) -> bool:
        return self._frames is not None

    def wake_us(self) -> int:
        """When `due` has something to do."""
        hail_us = self._hailing.due_us(self._every_us)
        if self._queue and self._frames is not None:
            return min(hail_us, self._queue.ready_us)
        return hail_us

    @property
    def _every_us(self) -> int:
        is_eager = self._role >= Role.DRIVER or self._guest is not None
        return DRIVER_EVERY_US if is_eager else READER_EVERY_US

    # --- what happens

    def due(self, now_us: int) -> list[Effect]:
        """What time brings, while there is a connection: a hail, and more of what was typed."""
        effects: list[Effect] = []
        if now_us >= self._hailing.due_us(self._every_us):
            begin = self._role >= Role.DRIVER and self._frames is None and not self._hailing.begins(now_us)
            sent = 0 if self._frames is None else self._frames.next
            hail = self._hailing.hail(now_us, sent, begin=begin)
            effects.append(Send(seal_hail(self._keys, self._channel, self._host, hail)))
        return effects + self._flush(now_us)

    def cut(self) -> None:
        """The connection is gone. The session may outlive it: the next answer says how much of it ran."""
        self._hailing.cut()

    def give_up(self) -> list[Effect]:
        """Nothing more is heard with these keys: what became of the frames that went out, nobody will say."""
        return [] if self._frames is None else self._end(Loss.UNKNOWN)

    def become(self, role: Role) -> list[Effect]:
        """The newest grant says that we are a *role*."""
        if role == self._role:
            return []
        self._role = role
        self._hailing.is_wanted = True
        return self._drop(Loss.VIEWER) if role < Role.DRIVER else []

    def take_untrusted(self, data: bytes, now_us: int, secrets: Mapping[KeyId, EpochSecret]) -> list[Effect]:
        """A live message, as from the host."""
        to = WriterId(self._keys.sign_public)
        try:
            envelope = open_live_untrusted(self._channel, to, data)
            if envelope.sender != self._host:
                return []
            if envelope.kind is Kind.FAREWELL:
                return [Parted(open_farewell_untrusted(envelope))]
        except (MalformedError, OpenError):
            return []
        self._unopened = b""
        try:
            pulse = open_pulse_untrusted(envelope, self._channel, to, secrets)
        except OpenError:
            self._unopened = data
            return []
        except MalformedError:
            return []
        return self._pulse(pulse, now_us)

    def learnt(self, now_us: int, secrets: Mapping[KeyId, EpochSecret]) -> list[Effect]:
        """There are more *secrets*: the host's first answer may be here before the grant that opens it."""
        return self.take_untrusted(self._unopened, now_us, secrets) if self._unopened else []

    def _pulse(self, pulse: Pulse, now_us: int) -> list[Effect]:
        answered = self._hailing.take(pulse, now_us) if pulse.hail else None
        effects = self._settle(pulse)
        if answered is not None:
            return [Heard(), *effects, *self._answer(answered, now_us)]
        if not pulse.hail and self.pulse is not None and self.pulse.lease != pulse.lease:
            self._hailing.is_wanted = True
        return effects

    def _settle(self, pulse: Pulse) -> list[Effect]:
        """What *pulse*, be it old, says of our session."""
        frames = self._frames
        if frames is None or pulse.session != frames.id:
            return []
        frames.confirm(pulse.ran)
        return self._end(Loss.REFUSED) if pulse.life is Life.ENDED else []

    def _answer(self, answered: Answered, now_us: int) -> list[Effect]:
        pulse, asked = answered.pulse, answered.asked
        effects: list[Effect] = []
        if self._frames is not None and self._frames.went_astray(pulse.session, asked):
            effects += self._end(Loss.UNKNOWN)
        if asked.begin and pulse.life is Life.BEGUN:
            self._frames = Frames(pulse.session)
            self._owes_window = self._window is not None
        return effects + self._say_window(now_us) + self._say_enrol() + self._flush(now_us)

    def _end(self, loss: Loss) -> list[Effect]:
        """The session is dead; begin anew."""
        assert self._frames is not None
        unsure = self._frames.unsure_bytes
        self._frames = None
        self._hailing.is_wanted = True
        lost: list[Effect] = [Dropped(unsure, loss)] if unsure else []
        return lost + self._drop(Loss.NOT_YET)

    def _drop(self, loss: Loss) -> list[Effect]:
        """Forget what waits to be sent."""
        size = self._queue.clear()
        return [Dropped(size, loss)] if size else []

    # --- what is said

    def type(self, data: bytes, seen: int, now_us: int) -> list[Effect]:
        """The user typed *data*, having seen the stream up to *seen*."""
        loss = self._cannot_type(now_us)
        if loss is None and not self._queue.put(data):
            loss = Loss.FULL
        if loss is not None:
            return [Dropped(len(data), loss)]
        self._seen = seen
        return self._flush(now_us)

    def _cannot_type(self, now_us: int) -> Loss | None:
        pulse = self.pulse
        if self._role < Role.DRIVER:
            return Loss.VIEWER
        if self._frames is None or pulse is None:
            return Loss.NOT_YET
        if not self._hailing.is_fresh(now_us):
            return Loss.UNHEARD
        if pulse.holder not in (b"", self._keys.sign_public):
            return Loss.HELD
        return None

    def _flush(self, now_us: int) -> list[Effect]:
        if not self._queue:
            return []
        loss = self._cannot_type(now_us)
        if loss is not None:
            return self._drop(loss)
        assert self._frames is not None
        assert self.pulse is not None
        effects: list[Effect] = []
        while data := self._queue.take(now_us):
            k = self._frames.sent(len(data))
            effects.append(self._say(Input(self._frames.id, k, self.pulse.lease, self._seen, data)))
        return effects

    def window(self, cols: int, rows: int, now_us: int) -> list[Effect]:
        """The user's window is so large; each new session begins with that."""
        self._window = (cols, rows)
        self._owes_window = True
        return self._say_window(now_us)

    def _say_window(self, now_us: int) -> list[Effect]:
        if not self._owes_window or self._window is None or self._frames is None:
            return []
        if not self._hailing.is_fresh(now_us):
            return []
        self._owes_window = False
        return [self._say(Window(self._frames.id, self._frames.sent(0), *self._window))]

    def floor(self, wish: Wish, now_us: int) -> list[Effect]:
        """Ask for the lease, or give it back; nothing, while there is no session."""
        if self._frames is None or not self._hailing.is_fresh(now_us):
            return []
        return [self._say(Floor(self._frames.id, self._frames.sent(0), wish))]

    def enrol(self, guest: DeviceKeys, label: str) -> list[Effect]:
        """Ask for keys of our own, until this driver of the link's is given up for one of *guest*'s."""
        self._guest = guest, label
        self._hailing.is_wanted = True
        return self._say_enrol()

    def _say_enrol(self) -> list[Effect]:
        if self._guest is None or not self._hailing.box_key:
            return []
        guest, label = self._guest
        return [self._say(make_enrol(guest, self._channel, WriterId(self._keys.sign_public), label))]

    def leave(self) -> list[Effect]:
        """We go; the host need not wait until it misses us."""
        return [self._say(Leave())] if self._hailing.box_key else []

    def _say(self, word: Word) -> Send:
        box_key, seed = self._hailing.box_key, self._draw(SEED_BYTES)
        return Send(seal_word(self._keys, self._channel, self._host, box_key, word, seed))
