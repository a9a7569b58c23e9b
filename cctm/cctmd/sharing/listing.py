"""What is shared, as commands see it: links, what relays do not know yet, and people."""

from collections.abc import Iterator
from typing import Final

from cctm.archive.debts import Debt
from cctm.cctmd.clock import Clock
from cctm.cctmd.sharing.shared import Shared
from cctm.protocol.access import Role
from cctm.protocol.control import replies
from cctm.protocol.keys import ChannelId
from cctm.protocol.link import Link, encode_link
from cctm.protocol.members import Members
from cctm.protocol.origin import Origin

SPENT: Final = "lets nobody in any more; who came by it stays"
ENDED: Final = "the terminal ended; whoever has it can read the record at the relay"
OWN_RELAY: Final = "this machine's own relay"
NOBODY_HERE: Final = replies.Presence([], b"", None)


def link_rows(
    channel: ChannelId, name: str, members: Members, origin: Origin | None, state: str
) -> Iterator[replies.LinkRow]:
    """The links in force of one channel.

    Args:
        origin: where guests dial; None: nowhere, for now.
        state: of those that let somebody in.
    """
    for link in members.links:
        url = ""
        if origin is not None and not link.is_spent:
            url = encode_link(Link(origin, channel, link.secret, link.generation, link.epoch))
        guests = sum(guest.link == link.id for guest in members.guests)
        yield replies.LinkRow(
            channel,
            name,
            link.id,
            link.role,
            link.expires_us,
            guests,
            url,
            SPENT if link.is_spent else state,
        )


def owed_row(debt: Debt, why: str) -> replies.LinkRow:
    """That a relay does not know yet whom to let in no more, and why."""
    state = f"{debt.relay or OWN_RELAY} has not heard of what was revoked" + (f": {why}" if why else "")
    return replies.LinkRow(debt.channel, debt.name, b"", 0, None, 0, "", state)


def presence(shared: Shared, clock: Clock) -> replies.Presence:
    """Who is here, and then who may come back."""
    wall_us = clock.wall_us()
    rows = [replies.PersonRow(b"", "you", Role.OWNER, b"", shared.terminal.created_us, None, None)]
    for guest in shared.gate.people(clock.now_us()):
        known = shared.members.guest(guest.present.who)
        rows.append(
            replies.PersonRow(
                guest.present.who,
                guest.present.label,
                guest.present.role,
                b"" if known is None else known.link,
                max(0, wall_us - guest.present.since_us),
                guest.present.idle_us,
                guest.round_trip_us,
            )
        )
    here = {row.who for row in rows}
    for absent in shared.members.guests:
        if absent.id not in here:
            role = shared.members.role_of(absent.id)
            assert role is not None  # of a guest's link
            seen_us = shared.seen.at_us(absent.id)
            rows.append(replies.PersonRow(absent.id, absent.label, role, absent.link, 0, None, None, seen_us))
    holder = shared.gate.holder
    is_own = holder == shared.terminal.recorder.keys.writer.public
    return replies.Presence(rows, b"", b"" if is_own else holder or None)
