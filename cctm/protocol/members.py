"""Members: whom the host of a channel lets in, and what follows from that (SPEC.md §16.1).

    links, guests ─┬► table       who may do what: the newest grant says it to all
                   ├► recipients  whose boxes hold which epochs' secrets
                   └► access      whom a relay lets in

**Invariants**

- Table, boxes and access list are functions of this one list: none of them can be newer than another.
- A guest's rights and past are those of the link it came by, and end with it.
- Links that expire do so at the relay, too, once the last one's time is over: also while the host is away.
- Every change gives a list with a higher version, so that a relay can tell a new access list from an old one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from .access import Role
from .admission import CLOSED_US, AccessList, Verb
from .codec import (
    decode_untrusted,
    encode,
    expect_array,
    expect_bool,
    expect_exactly,
    expect_fields,
    expect_int,
    expect_text,
)
from .errors import LocalError, MalformedError
from .grant import Recipient, Table, secrets_that_fit
from .keys import PUBLIC_BYTES, ChannelId, DeviceKeys, EpochSecret, WriterId
from .link import SECRET_BYTES, link_device

MAX_LINKS: Final = 64
MAX_GUESTS: Final = 900
MAX_BYTES: Final = 1024 * 1024
GUEST_VERBS: Final = Verb.READ | Verb.LIVE
GUEST_ROLES: Final = frozenset({Role.VIEWER, Role.DRIVER})


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A link as the host knows it: its holder may see the channel from *first_epoch* on.

    *generation* and *epoch*: the lowest that it may be shown (SPEC.md §14.2). *is_spent*: it lets nobody in any more,
    but who came by it stays until it expires.
    """

    device: DeviceKeys
    secret: bytes = field(repr=False)
    role: Role
    first_epoch: int
    generation: int
    epoch: int
    expires_us: int | None  # wall clock
    is_spent: bool = False

    @property
    def id(self) -> WriterId:
        """What it is called: its public signing key."""
        return WriterId(self.device.sign_public)


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who came by the link *link*."""

    id: WriterId
    box_public: bytes
    link: WriterId
    label: str


@dataclass(frozen=True, slots=True)
class Members:
    """Everybody in one channel but its host.

    *version*: of the access list. *has_floor*: one of them types at a time. *relay*: the origin of the relay that its
    links name; empty: this home's own.
    """

    links: tuple[SharedLink, ...] = ()
    guests: tuple[Guest, ...] = ()
    version: int = 0
    has_floor: bool = False
    relay: str = ""

    def __bool__(self) -> bool:
        """Whether the channel is shared."""
        return bool(self.links)

    # -- who is who

    def link(self, id_: WriterId) -> SharedLink | None:
        return next((link for link in self.links if link.id == id_), None)

    def guest(self, id_: WriterId) -> Guest | None:
        return next((guest for guest in self.guests if guest.id == id_), None)

    def role_of(self, id_: WriterId) -> Role | None:
        """What a link or guest may do; None: it is none of the members."""
        guest = self.guest(id_)
        link = self.link(id_ if guest is None else guest.link)
        return None if link is None else link.role

    def is_in(self, id_: WriterId) -> bool:
        """Whether the newest grant names *id_*."""
        link = self.link(id_)
        return self.guest(id_) is not None if link is None else not link.is_spent

    @property
    def first_generation(self) -> int:
        """Of the oldest log that anybody may see."""
        return 1 if self.shows_the_past else min((link.generation for link in self.links), default=1)

    @property
    def shows_the_past(self) -> bool:
        """Whether anybody may see everything."""
        return any(link.first_epoch == 1 for link in self.links)

    # -- what changes

    def at(self, relay: str, *, has_floor: bool) -> "Members":
        """The same, at another relay, or with another rule of who types."""
        return replace(self, relay=relay, has_floor=has_floor)

    def with_link(self, link: SharedLink) -> "Members":
        """
        Raises:
            LocalError: it is there already, there are too many, or its role is not a guest's.
        """
        if self.link(link.id) is not None or len(self.links) >= MAX_LINKS or link.role not in GUEST_ROLES:
            raise LocalError("link that cannot be added")
        return self._changed(links=(*self.links, link))

    def with_guest(self, guest: Guest) -> "Members":
        """*guest* enrolled, or called itself by another label.

        Raises:
            LocalError: its link is none of these, it belongs to another, or there are too many.
        """
        known = self.guest(guest.id)
        if self.link(guest.link) is None or self.link(guest.id) is not None:
            raise LocalError("guest of an unknown link")
        if known is not None and (known.link, known.box_public) != (guest.link, guest.box_public):
            raise LocalError("guest of another link")
        if known is None and len(self.guests) >= MAX_GUESTS:
            raise LocalError("too many guests")
        others = (other for other in self.guests if other.id != guest.id)
        return self._changed(guests=(*others, guest))

    def with_newcomer(self, guest: Guest) -> "Members":
        """*guest* enrolled now.

        Raises:
            LocalError: as `with_guest`; or its link lets nobody in any more.
        """
        if not self.is_in(guest.link):
            raise LocalError("guest of a void link")
        return self.with_guest(guest)

    def without_link(self, id_: WriterId) -> "Members":
        """The link is void, and so are all who came by it."""
        return self._changed(
            links=tuple(link for link in self.links if link.id != id_),
            guests=tuple(guest for guest in self.guests if guest.link != id_),
        )

    def without_guest(self, id_: WriterId) -> "Members":
        """The guest is gone, and its link lets nobody in any more; others who came by it stay."""
        gone = self.guest(id_)
        if gone is None:
            return self
        link = self.link(gone.link)
        assert link is not None  # a guest's link is there
        guests = tuple(guest for guest in self.guests if guest.id != id_)
        others = tuple(known for known in self.links if known.id != link.id)
        if any(guest.link == link.id for guest in guests):
            others = (*others, replace(link, is_spent=True))
        return self._changed(links=others, guests=guests)

    def without_expired(self, now_us: int) -> "Members":
        """Without links, and their guests, whose time is over."""
        over = [link.id for link in self.links if link.expires_us is not None and link.expires_us <= now_us]
        members = self
        for id_ in over:
            members = members.without_link(id_)
        return members

    def nobody(self, above: int = 0) -> "Members":
        """All links and guests are gone. *above*: a version that is taken already."""
        return replace(self, version=max(self.version, above))._changed(links=(), guests=())

    def _changed(self, **what: object) -> "Members":
        return replace(self, version=self.version + 1, **what)  # type: ignore[arg-type]

    # -- what follows

    @property
    def _open_links(self) -> Iterable[SharedLink]:
        """Those by which somebody may still come; a spent one only keeps its guests' rights."""
        return (link for link in self.links if not link.is_spent)

    def table(self, owner: WriterId) -> Table:
        roles = {owner: Role.OWNER}
        roles |= {link.id: link.role for link in self._open_links}
        roles |= {guest.id: self._link_of(guest).role for guest in self.guests}
        return Table(roles, ())

    def recipients(self, device: DeviceKeys, epochs: Sequence[EpochSecret]) -> list[Recipient]:
        """Who gets which secrets; the newest epoch is the last.

        Where a grant to all does not hold the secrets of so many epochs, it has the newest that fit: who has the
        others keeps them, and who is new sees nothing older.
        """
        count = 1 + len(self.links) + len(self.guests)
        epochs = epochs[-secrets_that_fit(count, count, epochs[-1].number) :]
        since = {link.id: _since(link, epochs) for link in self.links}  # one for all who came by it
        every = [Recipient(device.box_public, (epochs[-1],))]
        every += [Recipient(link.device.box_public, since[link.id]) for link in self._open_links]
        every += [Recipient(guest.box_public, since[guest.link]) for guest in self.guests]
        return every

    def access(self, owner: WriterId) -> AccessList:
        ids = [*(link.id for link in self._open_links), *(guest.id for guest in self.guests)]
        return AccessList(owner, max(1, self.version), dict.fromkeys(ids, GUEST_VERBS), self._last_expiry_us)

    def closing(self, owner: WriterId) -> AccessList:
        """A list that lets nobody in, and has a relay delete what it has: nothing is to be shared any more."""
        return AccessList(owner, max(1, self.version), {}, CLOSED_US)

    @property
    def _last_expiry_us(self) -> int | None:
        """When the last of the links expires, be this home there or not; None: one never does, or there is none."""
        ends = [link.expires_us for link in self.links]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    def _link_of(self, guest: Guest) -> SharedLink:
        link = self.link(guest.link)
        assert link is not None
        return link


NOBODY: Final = Members()


def _since(link: SharedLink, epochs: Sequence[EpochSecret]) -> tuple[EpochSecret, ...]:
    return tuple(epoch for epoch in epochs if epoch.number >= link.first_epoch)


def encode_members(members: Members) -> bytes:
    """What the catalogue keeps, wrapped."""
    links = [
        (
            link.secret,
            int(link.role),
            link.first_epoch,
            link.generation,
            link.epoch,
            link.expires_us,
            link.is_spent,
        )
        for link in members.links
    ]
    guests = [(guest.id, guest.box_public, guest.link, guest.label) for guest in members.guests]
    return encode((links, guests, members.version, members.has_floor, members.relay))


def decode_members_untrusted(data: bytes, channel: ChannelId) -> Members:
    """
    Raises:
        MalformedError: it is not what `encode_members` made for *channel*.
    """
    links, guests, version, has_floor, relay = expect_fields(decode_untrusted(data, MAX_BYTES), 5)
    members = Members()
    try:
        for item in expect_array(links, 0, MAX_LINKS):
            members = members.with_link(_expect_link(item, channel))
        for item in expect_array(guests, 0, MAX_GUESTS):
            members = members.with_guest(_expect_guest(item))
    except LocalError as error:
        raise MalformedError("members") from error
    return replace(
        members, version=expect_int(version), has_floor=expect_bool(has_floor), relay=expect_text(relay)
    )


def _expect_link(value: object, channel: ChannelId) -> SharedLink:
    secret, role, first_epoch, generation, epoch, expires, is_spent = expect_fields(value, 7)
    known = expect_exactly(secret, SECRET_BYTES)
    return SharedLink(
        link_device(channel, known),
        known,
        Role(expect_int(role, Role.VIEWER, Role.DRIVER)),
        expect_int(first_epoch, 1),
        expect_int(generation, 1),
        expect_int(epoch, 1),
        None if expires is None else expect_int(expires),
        expect_bool(is_spent),
    )


def _expect_guest(value: object) -> Guest:
    id_, box_public, link, label = expect_fields(value, 4)
    return Guest(
        WriterId(expect_exactly(id_, PUBLIC_BYTES)),
        expect_exactly(box_public, PUBLIC_BYTES),
        WriterId(expect_exactly(link, PUBLIC_BYTES)),
        expect_text(label),
    )
