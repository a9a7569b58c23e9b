"""cctm.protocol.sync.follower: a channel, as somebody follows it."""

import pytest

from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.events import LogHead
from cctm.protocol.keys import Digest
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import Doubt, Known
from cctm.protocol.sync.follower import State
from samples import MEMBER, drawn
from sharing_parts import DEVICE, GUEST, LINK, STRANGER, Host, PureRelay, Reader, forked


def shared(keyframe_at=None):
    """A host with one log: its beginning, some output, and perhaps a keyframe further on."""
    host = Host()
    host.begin()
    host.output(b"one ")
    host.output(b"two ")
    if keyframe_at:
        for number in range(host.writer.size, keyframe_at):
            host.output(b"%d " % number)
        host.keyframe(b"<screen>")
        host.output(b"and on")
    return host


# --- what is asked


def test_a_short_log_is_asked_for_from_its_beginning():
    host = shared()
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    assert reader.asked == [m.Tail(host.log, 0)]


def test_open_grant_and_tail_are_asked_for_in_one_go():
    host = shared(keyframe_at=20)
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    assert reader.asked == [m.Fetch(host.log, 0, 1), m.Fetch(host.log, 1, 1), m.Tail(host.log, 20)]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_the_screen_is_shown_once_all_of_them_came_in_whatever_order(order):
    host = shared(keyframe_at=20)
    relay = PureRelay(host)
    reader = Reader()
    reader.offered(relay.logs())
    asked = reader.asked
    for place in order[:2]:
        for answer in relay.answers(asked[place]):
            assert reader.take(answer) == []
    for answer in relay.answers(asked[order[2]]):
        reader.take(answer)
    assert reader.screen == b"<screen>and on"
    assert sorted(reader.stored[host.log]) == [0, 1, 20, 21]
    assert reader.follower.known == Known(1, host.log, 22, host.writer.head, 1)


def test_what_comes_is_shown_and_stored():
    host = shared()
    relay = PureRelay(host)
    reader = Reader()
    reader.connect(relay)
    assert reader.screen == b"one two "
    host.output(b"three")
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert reader.screen == b"one two three"
    assert list(reader.stored[host.log].values()) == host.records[host.log]
    assert reader.follower.known == Known(1, host.log, 6, host.writer.head, 1)


def test_a_keyframe_of_what_is_shown_already_shows_nothing_anew():
    host = shared(keyframe_at=6)
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    reader.take(m.Entries(host.log, 0, host.records[host.log][:1]))
    for first, end in ((1, 2), (6, 8)):
        reader.take(m.Entries(host.log, first, host.records[host.log][first:end]))
    host.keyframe(b"<another>")
    reader.take(m.Entries(host.log, 8, host.records[host.log][8:]))
    assert [keyframe.screen for keyframe in reader.starts] == [b"<screen>"]


# --- every pair of state and message

HERE = shared(keyframe_at=10)
ROW = PureRelay(HERE).row(HERE.log)
SOME = {
    "Logs": m.Logs([ROW], more=False),
    "Logs with more": m.Logs([ROW], more=True),
    "Entries": m.Entries(HERE.log, 10, HERE.records[HERE.log][10:]),
    "EntryPart": m.EntryPart(HERE.log, 10, 0, 300_000, bytes(256 * 1024)),
    "Lagged": m.Lagged(HERE.log, 12, 1, 11),
    "Entries of another log": m.Entries(drawn("log"), 0, HERE.records[HERE.log][:1]),
    "EntryPart of another log": m.EntryPart(drawn("log"), 0, 0, 300_000, bytes(256 * 1024)),
    "Lagged of another log": m.Lagged(drawn("log"), 12, 1, 11),
}
FINE, MALFORMED, WRONG = "fine", MalformedError, LocalError
DECIDED = {
    State.APART: dict.fromkeys(SOME, WRONG),
    State.LISTING: dict.fromkeys(SOME, MALFORMED) | {"Logs": FINE, "Logs with more": FINE},
    State.OPEN: {
        "Logs": FINE,
        "Logs with more": MALFORMED,
        "Entries": FINE,
        "EntryPart": FINE,
        "Lagged": FINE,
        "Entries of another log": MALFORMED,
        "EntryPart of another log": MALFORMED,
        "Lagged of another log": MALFORMED,
    },
}


def in_state(state):
    reader = Reader()
    if state is not State.APART:
        reader.follower.connected()
    if state is State.OPEN:
        reader.take(m.Logs([ROW], more=False))
    assert reader.follower.state is state
    return reader


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("state", State)
def test_every_message_in_every_state_is_decided(state, name):
    reader = in_state(state)
    decided = DECIDED[state][name]
    if decided is FINE:
        reader.take(SOME[name])
        assert reader.follower.state is not State.APART
        return
    with pytest.raises(decided):
        reader.take(SOME[name])
    assert reader.follower.state is State.APART


@pytest.mark.parametrize("phase", ["candidate", "followed", "left", "frozen"])
@pytest.mark.parametrize("name", ["Logs", "Entries", "EntryPart", "Lagged"])
def test_every_message_about_a_log_in_every_phase_of_it_is_taken(phase, name):
    host = shared(keyframe_at=10)
    log = host.log
    relay = PureRelay(host)
    reader = Reader()
    if phase == "candidate":
        reader.offered(relay.logs())
    else:
        reader.connect(relay)
    if phase == "left":
        host.begin()
        relay.update()
        reader.take(m.Logs([relay.row(host.log)], more=False))
        reader.settle(relay)
    if phase == "frozen":
        reader.take(m.Entries(log, 12, [forked(host, 12)]))
        assert reader.doubts == [Doubt.FORK]
    seen = reader.screen
    reader.take(SOME[name] if log == HERE.log else renamed(SOME[name], log))
    if phase in {"left", "frozen"}:
        assert reader.screen == seen


def renamed(message, log):
    return message._replace(log=log) if "log" in message._fields else message


@pytest.mark.parametrize(
    "changed",
    [
        {"size": 0},
        {"grant": 12},
        {"keyframe": 12},
        {"grant": 0},
        {"log": b"short"},
        {"writer": b"short"},
        {"head": b"short"},
    ],
)
def test_a_row_of_no_log_is_malformed(changed):
    reader = Reader()
    reader.follower.connected()
    with pytest.raises(MalformedError):
        reader.take(m.Logs([ROW._replace(**changed)], more=False))


def test_rows_come_in_several_messages_and_the_newest_log_is_chosen_of_all():
    host = shared()
    host.begin()
    host.begin()
    rows = PureRelay(host).logs().rows
    reader = Reader()
    reader.follower.connected()
    assert reader.take(m.Logs([rows[2], rows[0]], more=True)) == []
    reader.take(m.Logs([rows[1]], more=False))
    assert {asked.log for asked in reader.asked} == {host.log}


def test_logs_of_other_writers_are_not_followed():
    host = shared()
    reader = Reader()
    reader.follower.connected()
    row = PureRelay(host).row(host.log, writer=MEMBER.public)
    assert reader.take(m.Logs([row], more=False)) == []


# --- who may read


def test_what_is_under_a_secret_that_is_not_ours_is_skipped_and_counted():
    host = Host({DEVICE: 1})
    host.begin()
    host.output(b"before")
    host.rotate({DEVICE: 1, LINK: 2}, b"<now>")
    host.output(b"!")
    reader = Reader(least=(1, 2))
    reader.offered(m.Logs([PureRelay(host).row(host.log, grant=1, keyframe=2)], more=False))
    reader.settle(PureRelay(host))
    assert reader.screen == b"<now>!"
    assert reader.follower.skipped == 2
    assert reader.doubts == [Doubt.NO_KEY]
    assert reader.follower.doubts == set()


def test_who_is_left_out_of_a_grant_is_told_and_reads_no_further():
    host = shared()
    relay = PureRelay(host)
    reader = Reader()
    reader.connect(relay)
    host.rotate({DEVICE: 1})
    host.output(b"not for you")
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert reader.doubts == [Doubt.NO_KEY]
    assert reader.screen == b"one two "
    assert reader.follower.known.size == host.writer.size


def test_a_guest_learns_when_a_box_for_its_own_key_is_there():
    host = shared()
    relay = PureRelay(host)
    reader = Reader((GUEST, LINK))
    reader.connect(relay)
    assert reader.learnt[-1].enrolled == {LINK.box_public}
    host.readers = host.readers | {GUEST: 1}
    host.grant()
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert reader.learnt[-1].enrolled == {LINK.box_public, GUEST.box_public}
    assert GUEST.sign_public in reader.learnt[-1].table.roles
    assert reader.learnt[-1].secrets == ()


def test_a_stranger_sees_nothing():
    host = shared()
    reader = Reader((STRANGER,))
    reader.connect(PureRelay(host))
    assert (reader.screen, reader.learnt, reader.doubts) == (None, [], [Doubt.NO_KEY])


# --- what does not count


def test_what_stands_behind_the_cut_of_a_log_is_void():
    host = shared()
    host.cuts = (LogHead(host.log, 6, Digest(drawn("cut"))),)
    host.grant()
    host.output(b"void")
    reader = Reader()
    reader.connect(PureRelay(host))
    assert reader.screen == b"one two "
    assert reader.doubts == [Doubt.VOID]


def test_an_entry_that_no_honest_host_seals_is_void_and_the_screen_waits_for_a_keyframe():
    host = shared()
    relay = PureRelay(host)
    reader = Reader()
    reader.connect(relay)
    host.garbage()
    host.output(b"not shown")
    host.garbage()
    host.keyframe(b"<again>")
    host.output(b"!")
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert reader.doubts == [Doubt.VOID]
    assert reader.screen == b"<again>!"


def test_a_grant_that_no_honest_host_seals_teaches_nothing():
    host = shared()
    reader = Reader()
    reader.connect(PureRelay(host))
    host.garbage(EntryKind.GRANT)
    host.output(b"and on")
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert (reader.doubts, reader.screen) == ([Doubt.VOID], b"one two and on")
