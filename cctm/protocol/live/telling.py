"""Telling: a host's pulses, and who is here (SPEC.md §16.5).

**Invariant**: what nobody asked for tells of a session and of the lease alone. It may reach its reader late or again,
and nothing else in a pulse could be believed then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cctm.protocol.keys import ChannelId, WriterId, WriterKey
from cctm.protocol.live.box_keys import BoxKeys
from cctm.protocol.live.decisions import Answer, Draw, Moment, Roster
from cctm.protocol.live.messages import seal_pulse
from cctm.protocol.live.pulse import MAX_HEADS, Present, Pulse, those_that_fit
from cctm.protocol.live.seats import Lease, Seat
from cctm.protocol.sizes import NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Guest:
    """One who is here, as the host sees it."""

    present: Present
    round_trip_us: int | None


def guests(seats: Mapping[WriterId, Seat], roster: Roster, now_us: int) -> list[Guest]:
    """Who is here and on the list, in the order in which they came."""
    found = []
    for seat in seats.values():
        member = roster(seat.who)
        if seat.since_us is not None and member is not None:
            idle_us = None if seat.typed_us is None else now_us - seat.typed_us
            present = Present(seat.who, member.label, member.role, now_us - seat.since_us, idle_us)
            found.append(Guest(present, seat.round_trip_us))
    return sorted(found, key=lambda guest: -guest.present.since_us)


class Telling:
    """A host's voice."""

    def __init__(
        self,
        channel: ChannelId,
        host: WriterKey,
        boxes: BoxKeys,
        lease: Lease,
        draw: Draw,
    ) -> None:
        self._channel = channel
        self._host = host
        self._boxes = boxes
        self._lease = lease
        self._draw = draw

    def answer(self, seat: Seat, hail: bytes, people: Iterable[Present], moment: Moment) -> Answer:
        """The pulse that answers *hail*."""
        return self._pulse(seat, hail, those_that_fit(people), moment)

    def tell(self, seat: Seat, moment: Moment) -> Answer:
        """A pulse that nobody asked for: how far its session is, and who has the lease."""
        seat.told_us = moment.now_us
        seat.told_ran = 0 if seat.session is None else seat.session.ran
        return self._pulse(seat, b"", (), moment)

    def _pulse(self, seat: Seat, hail: bytes, people: tuple[Present, ...], moment: Moment) -> Answer:
        session = seat.session
        pulse = Pulse(
            hail=hail,
            epoch=moment.epoch.number,
            heads=moment.heads[:MAX_HEADS] if hail else (),
            box_key=self._boxes.newest(moment.now_us).public,
            session=b"" if session is None else session.id,
            life=seat.life(hail),
            ran=0 if session is None else session.ran,
            lease=self._lease.number,
            holder=self._lease.holder,
            people=people,
        )
        nonce = self._draw(NONCE_BYTES)
        return Answer(seat.who, seal_pulse(self._host, self._channel, seat.who, moment.epoch, pulse, nonce))
