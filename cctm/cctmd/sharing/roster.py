"""The list of members as the gate asks it, and without those who must not be on it."""

from collections.abc import Collection

from cctm.protocol.keys import WriterId
from cctm.protocol.live.decisions import Member, Standing
from cctm.protocol.members import Members


def roster_of(members: Members) -> dict[WriterId, Member]:
    """Links by which somebody may come, and guests."""
    rows = {link.id: Member(Standing.LINK, link.role, "") for link in members.links if not link.is_spent}
    for guest in members.guests:
        role = members.role_of(guest.id)
        assert role is not None  # of a guest's link
        rows[guest.id] = Member(Standing.GUEST, role, guest.label)
    return rows


def without_barred(members: Members, barred: Collection[WriterId]) -> Members:
    """*members* without those whose removal could not be stored when it was wanted."""
    for who in barred:
        members = members.without_guest(who)
    for who in barred:
        link = members.link(who)
        if link is not None and not any(guest.link == who for guest in members.guests):
            members = members.without_link(who)
    return members
