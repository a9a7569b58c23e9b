"""cctm.protocol.access: who may write what."""

from typing import get_args

import pytest

from cctm.protocol.access import (
    Authority,
    Reason,
    Role,
    Void,
    authority,
    check_entry,
    cut_of,
    may_write,
)
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Document, Event, LogHead, Marked
from cctm.protocol.keys import Digest, LogId
from samples import CHANNEL, HOST, KEYFRAME, MEMBER, OUTPUT, PREDECESSOR, drawn

MARK, UPDATE = Marked(0, "x"), Document(0, b"x")
CUT = LogHead(LogId(drawn("log")), 5, Digest(drawn("head")))


def test_the_host_is_who_the_channel_commits_to_whatever_the_table_says():
    assert authority(CHANNEL, HOST.public, {}) is Authority.HOST
    assert authority(CHANNEL, HOST.public, {HOST.public: Role.VIEWER}) is Authority.HOST


@pytest.mark.parametrize(
    ("roles", "who"),
    [
        ({}, Authority.NOBODY),
        ({MEMBER.public: Role.VIEWER}, Authority.NOBODY),
        ({MEMBER.public: Role.DRIVER}, Authority.MEMBER),
        ({MEMBER.public: Role.OWNER}, Authority.MEMBER),
    ],
)
def test_a_member_is_a_driver_or_owner_of_the_table(roles, who):
    assert authority(CHANNEL, MEMBER.public, roles) is who


@pytest.mark.parametrize("event", get_args(Event))
def test_members_write_documents_and_marks_and_the_host_everything(event):
    assert may_write(event, Authority.HOST)
    assert may_write(event, Authority.MEMBER) is (event in {Document, Marked})
    assert not may_write(event, Authority.NOBODY)


@pytest.mark.parametrize("kind", EntryKind)
def test_members_write_open_and_data_entries(kind):
    assert may_write(kind, Authority.HOST)
    assert may_write(kind, Authority.MEMBER) is (kind in {EntryKind.OPEN, EntryKind.DATA})
    assert not may_write(kind, Authority.NOBODY)


@pytest.mark.parametrize(
    ("kind", "events", "who", "cut", "voids"),
    [
        (EntryKind.DATA, [OUTPUT, MARK], Authority.HOST, None, []),
        (EntryKind.GRANT, [], Authority.HOST, None, []),
        (EntryKind.DATA, [MARK, UPDATE], Authority.MEMBER, None, []),
        (EntryKind.DATA, [MARK, OUTPUT], Authority.MEMBER, None, [Void(4, 1, Reason.NOT_THE_HOST)]),
        (EntryKind.GRANT, [], Authority.MEMBER, None, [Void(4, None, Reason.NOT_THE_HOST)]),
        (EntryKind.KEYFRAME, [KEYFRAME], Authority.MEMBER, None, [Void(4, None, Reason.NOT_THE_HOST)]),
        (EntryKind.DATA, [MARK], Authority.NOBODY, None, [Void(4, None, Reason.NOT_A_MEMBER)]),
        (EntryKind.DATA, [MARK], Authority.NOBODY, CUT, []),
        (EntryKind.DATA, [OUTPUT], Authority.NOBODY, CUT, [Void(4, 0, Reason.NOT_THE_HOST)]),
        (EntryKind.DATA, [OUTPUT], Authority.HOST, CUT, []),
    ],
)
def test_what_does_not_count_is_named(kind, events, who, cut, voids):
    assert check_entry(4, kind, events, who, cut) == voids


def test_nothing_beyond_a_cut_counts():
    for who in Authority:
        assert check_entry(5, EntryKind.DATA, [MARK], who, CUT) == [Void(5, None, Reason.BEYOND_CUT)]


def test_a_cut_concerns_its_own_log():
    assert cut_of(CUT.log, [PREDECESSOR, CUT]) == CUT
    assert cut_of(CUT.log, [PREDECESSOR]) is None
