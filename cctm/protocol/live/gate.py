"""The host's gate: what comes in by live messages, and what of it is done (SPEC.md §16.5–16.7).

    LiveFrom ─► allowance ─► on the list? ─► signature ─► hail ─► box key, session, pulse
                                                      └─► word ─► box ─► session, k, lease, seen ─► PTY

**Invariants**

- What the relay says of a sender decides about nothing but how much work is spent on it.
- The list is asked when a message comes: who was just taken from it types nothing.
- Input runs at most once, in the order in which it was typed, without a hole, not later than 10 s after the box key
  was drawn, in this daemon's life, in this stream. What is not so ends its session, and its driver is told.
- Before `open_for_input` there is no session and no enrolment: a restored backup must not revive who was removed.
- Nothing that comes raises; a message that is not understood is as if it had not come.
"""

from collections.abc import Iterator
from typing import Final

from cctm.protocol.access import Role
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.keys import ChannelId, WriterId, WriterKey
from cctm.protocol.live.allowance import Allowance
from cctm.protocol.live.box_keys import BoxKeys
from cctm.protocol.live.decisions import (
    Came,
    Decision,
    Draw,
    Enlist,
    Fit,
    Hold,
    Member,
    Moment,
    Request,
    Roster,
    Standing,
    Type,
    Went,
)
from cctm.protocol.live.envelope import Envelope, Kind, check_letter_untrusted, decode_live_untrusted
from cctm.protocol.live.messages import open_hail_untrusted, open_word_untrusted
from cctm.protocol.live.pulse import SESSION_BYTES
from cctm.protocol.live.seats import HAILS, SILENCE_US, WORDS, Lease, Seat
from cctm.protocol.live.telling import Guest, Telling, guests
from cctm.protocol.live.words import Enrol, Frame, Input, Leave, Window, Wish, is_for

TELL_US: Final = 250_000  # between two pulses that say how much ran
_PEER: Final = HAILS + WORDS  # live messages a second that the relay brings of one peer


class Gate:
    """The host's side of one channel's live messages. What it decides is to be done before it is asked again."""

    def __init__(self, channel: ChannelId, host: WriterKey, roster: Roster, draw: Draw) -> None:
        self._channel = channel
        self._host = host
        self._roster = roster
        self._draw = draw
        self._boxes = BoxKeys(draw)
        self._lease = Lease()
        self._telling = Telling(channel, host, self._boxes, self._lease, draw)
        self._seats: dict[WriterId, Seat] = {}
        self._peers: dict[bytes, Allowance] = {}
        self._is_open = False

    @property
    def holder(self) -> bytes:
        """Who alone may type: a guest, the host's own user (the host's key), or empty: all drivers."""
        return self._lease.holder

    def open_for_input(self) -> None:
        """This home is known to be no old copy (SPEC.md §16.9): take input and enrolments from now on."""
        self._is_open = True

    # --- what comes

    def take_untrusted(self, peer: bytes, data: bytes, moment: Moment) -> list[Decision]:
        """A live message that the relay brought, as from *peer*."""
        self._boxes.forget(moment.now_us)
        if not self._peer(peer).may_take(1, moment.now_us):
            return []
        try:
            letter = decode_live_untrusted(data)
            member = self._roster(letter.sender)
            if member is None:
                return []
            envelope = check_letter_untrusted(self._channel, self._host.public, letter)
            if envelope.kind is Kind.HAIL:
                return list(self._hail(envelope, member, moment))
            if envelope.kind is Kind.WORD:
                return list(self._word(envelope, member, moment))
        except (MalformedError, OpenError):
            return []
        return []

    def _peer(self, peer: bytes) -> Allowance:
        # All whom the list does not name share one allowance: their number is the relay's to choose.
        key = peer if self._roster(WriterId(peer)) is not None else b""
        return self._peers.setdefault(key, Allowance(_PEER, _PEER))

    # --- hails

    def _hail(self, envelope: Envelope, member: Member, moment: Moment) -> Iterator[Decision]:
        hail = open_hail_untrusted(envelope)
        seat = self._seats.setdefault(envelope.sender, Seat(envelope.sender, moment.now_us))
        seat.spoke_us = moment.now_us
        if not seat.hails.may_take(1, moment.now_us):
            return
        is_new = self._boxes.is_recent(hail.box_key)
        self._boxes.current(moment.now_us)
        self._end_what_cannot_live(seat, member, moment)
        if is_new:
            seat.round_trip_us = hail.round_trip_us
            yield from self._heard(seat, member, moment.now_us)
        # An old hail that the relay brings again must not end the session that lives.
        if hail.begin and (is_new or not seat.lives) and self._may_drive(member, moment):
            self._begin(seat, hail.nonce, moment)
        people = (guest.present for guest in self.people(moment.now_us))
        yield self._telling.answer(seat, hail.nonce, people, moment)

    def _may_drive(self, member: Member, moment: Moment) -> bool:
        return (
            self._is_open
            and member.standing is Standing.GUEST
            and member.role >= Role.DRIVER
            and moment.stream is not None
        )

    def _begin(self, seat: Seat, hail: bytes, moment: Moment) -> None:
        if seat.session is not None and seat.session.hail == hail:
            return  # it came twice
        assert moment.stream is not None  # else nobody may drive
        seat.begin(self._draw(SESSION_BYTES), hail, moment.stream)

    def _end_what_cannot_live(self, seat: Seat, member: Member, moment: Moment) -> bool:
        """Whether its session ended just now, because of its stream or its role."""
        session = seat.session
        if session is None or (session.stream == moment.stream and self._may_drive(member, moment)):
            return False
        return seat.kill()

    def _heard(self, seat: Seat, member: Member, now_us: int) -> Iterator[Decision]:
        seat.heard_us = now_us
        if seat.since_us is None and member.standing is Standing.GUEST:
            seat.since_us = now_us
            yield Came(seat.who, member.label)

    # --- words

    def _word(self, envelope: Envelope, member: Member, moment: Moment) -> Iterator[Decision]:
        seat = self._seats.get(envelope.sender)
        if seat is None or not seat.words.may_take(1, moment.now_us):
            return  # who never hailed has no box key
        word, key = open_word_untrusted(envelope, self._channel, self._boxes.known(seat.box_key))
        seat.box_key = key.public
        seat.spoke_us = moment.now_us
        if isinstance(word, Enrol):
            yield from self._enrol(seat.who, member, word)
        elif isinstance(word, Leave):
            # Who comes and goes all the time is missed like somebody who went without a word.
            seat.kill()
            if seat.since_us is not None and seat.goodbyes.may_take(1, moment.now_us):
                yield from self._went(seat)
        else:
            yield from self._heard(seat, member, moment.now_us)
            yield from self._frame(seat, member, word, moment)

    def _enrol(self, link: WriterId, member: Member, enrol: Enrol) -> Iterator[Decision]:
        if (
            self._is_open
            and member.standing is Standing.LINK
            and enrol.sign_key != self._host.public
            and self._roster(enrol.sign_key) is None
            and is_for(enrol, self._channel, link)
        ):
            yield Enlist(link, enrol.sign_key, enrol.box_key, enrol.label)

    def _frame(self, seat: Seat, member: Member, frame: Frame, moment: Moment) -> Iterator[Decision]:
        session = seat.session
        if session is None or not session.lives or session.id != frame.session:
            return  # its driver was told, or will be at its next hail
        ended = self._end_what_cannot_live(seat, member, moment)
        if ended or frame.k != session.ran or not self._may_run(seat, frame, moment):
            seat.kill()
            yield self._telling.tell(seat, moment)
            return
        session.ran += 1
        match frame:
            case Input(data=data):
                seat.typed_us = moment.now_us
                yield Type(seat.who, data)
            case Window(cols=cols, rows=rows):
                yield Fit(seat.who, cols, rows)
            case _:
                yield from self._floor(seat, frame.wish, moment)

    def _may_run(self, seat: Seat, frame: Frame, moment: Moment) -> bool:
        return not isinstance(frame, Input) or (
            frame.lease == self._lease.number
            and self._lease.holder in (b"", seat.who)
            and frame.seen <= moment.offset
            and seat.typed.may_take(len(frame.data), moment.now_us)
        )

    # --- the lease

    def _floor(self, seat: Seat, wish: Wish, moment: Moment) -> Iterator[Decision]:
        if wish is Wish.RELEASE and self.holder == seat.who:
            yield from self.give(self._host.public, moment)
        elif (
            wish is Wish.REQUEST and self.holder not in (b"", seat.who) and seat.wished != self._lease.number
        ):
            seat.wished = self._lease.number  # once, however often it is said
            yield Request(seat.who)

    def give(self, holder: bytes, moment: Moment) -> list[Decision]:
        """The lease goes to *holder*: a driver; the host's own user (the host's key); or empty: there is none."""
        if holder == self.holder:
            return []
        self._lease.holder = holder
        self._lease.number += 1
        told = [self._telling.tell(seat, moment) for seat in self._seats.values() if seat.lives]
        return [Hold(holder), *told]

    # --- who is here

    def people(self, now_us: int) -> list[Guest]:
        """Who is here, in the order in which they came."""
        return guests(self._seats, self._roster, now_us)

    def _went(self, seat: Seat) -> Iterator[Decision]:
        seat.kill()
        if seat.since_us is not None:
            seat.since_us = None
            yield Went(seat.who)

    def tick(self, moment: Moment) -> list[Decision]:
        """What time brings, and what changed in the list; to be called some four times a second."""
        self._boxes.forget(moment.now_us)
        decisions = [decision for seat in list(self._seats.values()) for decision in self._tick(seat, moment)]
        if self.holder not in (b"", self._host.public) and self.holder not in self._seats:
            decisions += self.give(self._host.public, moment)  # it was given to somebody who is not here
        return decisions

    def _tick(self, seat: Seat, moment: Moment) -> Iterator[Decision]:
        member = self._roster(seat.who)
        is_silent = seat.since_us is not None and seat.is_silent(moment.now_us)
        if member is None or is_silent:
            yield from self._went(seat)
        if member is None or moment.now_us - seat.spoke_us >= SILENCE_US:
            del self._seats[seat.who]
            self._peers.pop(seat.who, None)
        elif self._end_what_cannot_live(seat, member, moment) or seat.owes(moment.now_us, TELL_US):
            yield self._telling.tell(seat, moment)
        if seat.who == self.holder and (seat.since_us is None or member is None or member.role < Role.DRIVER):
            yield from self.give(self._host.public, moment)
