"""Who may write what (SPEC.md §10).

Validity is a function of the entry, the role table and the cut heads: whoever has these three comes to the
same verdict. What is void is skipped by every fold and reported; it is never deleted, since the chain needs
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from .entry import EntryKind
from .events import Document, Event, LogHead, Marked
from .ids import ChannelId, LogId, WriterId, channel_id


class Role(IntEnum):
    """What a member may do in a channel; each includes the ones before."""

    VIEWER = 1  # reads
    DRIVER = 2  # types
    OWNER = 3  # manages


class Authority(Enum):
    """In whose log something stands."""

    HOST = "host"  # the writer whose key hashes to the channel
    MEMBER = "member"  # a driver or owner of the newest role table
    NOBODY = "nobody"


# All that a member may write. The host may write everything.
MEMBER_KINDS: Final = frozenset({EntryKind.OPEN, EntryKind.DATA})
MEMBER_EVENTS: Final[frozenset[type[Event]]] = frozenset({Document, Marked})


class Reason(Enum):
    NOT_A_MEMBER = "not a member"
    BEYOND_CUT = "after the writer left"
    NOT_THE_HOST = "only the host writes this"


@dataclass(frozen=True, slots=True)
class Void:
    """Something that does not count. *index*: which event of the entry; None: all of it."""

    seq: int
    index: int | None
    reason: Reason


def authority(channel: ChannelId, writer: WriterId, roles: Mapping[WriterId, Role]) -> Authority:
    if channel_id(writer) == channel:
        return Authority.HOST
    if roles.get(writer, Role.VIEWER) >= Role.DRIVER:
        return Authority.MEMBER
    return Authority.NOBODY


def may_write(what: EntryKind | type[Event], who: Authority) -> bool:
    """Whether an entry of a kind, or an event of a class, counts in the log of *who*."""
    if who is Authority.MEMBER:
        return what in MEMBER_KINDS or what in MEMBER_EVENTS
    return who is Authority.HOST


def check_entry(
    seq: int,
    kind: EntryKind,
    events: Sequence[Event],
    who: Authority,
    cut: LogHead | None = None,
) -> list[Void]:
    """What in the entry does not count.

    Args:
        events: none for open and grant.
        cut: the accepted head of this log, if its writer is a former member. It stands in for a role that
            is gone.
    """
    if cut is not None:
        if seq >= cut.size:
            return [Void(seq, None, Reason.BEYOND_CUT)]
        who = who if who is Authority.HOST else Authority.MEMBER
    if who is Authority.NOBODY:
        return [Void(seq, None, Reason.NOT_A_MEMBER)]
    if not may_write(kind, who):
        return [Void(seq, None, Reason.NOT_THE_HOST)]
    return [
        Void(seq, index, Reason.NOT_THE_HOST)
        for index, event in enumerate(events)
        if not may_write(type(event), who)
    ]


def cut_of(log: LogId, cuts: Sequence[LogHead]) -> LogHead | None:
    """The cut that concerns *log*, if any."""
    return next((cut for cut in cuts if cut.log == log), None)
