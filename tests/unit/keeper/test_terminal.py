"""One held terminal's offsets, and the room that all of them share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.keeper.terminal import LEAST_BYTES, TERMINAL_BYTES, TOTAL_BYTES, OffsetError, Room, State, Terminal
from cctm.keeper.wire import Ended, Exit, How

ID = bytes(16)


def running(held=b"", base=0):
    terminal = Terminal(ID, "tag", 9, State.RUNNING)
    terminal.base = terminal.sent = base
    terminal.held += held
    return terminal


def test_an_acknowledgement_frees_what_lies_before_it():
    terminal = running(b"abcdef", base=10)
    terminal.sent = 16
    assert terminal.acknowledge(14) == 4
    assert (terminal.base, bytes(terminal.held), terminal.end) == (14, b"ef", 16)


def test_an_old_acknowledgement_changes_nothing():
    terminal = running(b"abc", base=10)
    assert terminal.acknowledge(4) == 0
    assert (terminal.base, terminal.end) == (10, 13)


def test_what_is_stored_is_not_sent_though_it_was_not_sent_in_this_connection():
    terminal = running(b"abcdef")
    terminal.resume(0)
    terminal.sent = 1
    assert terminal.acknowledge(4) == 4
    assert (terminal.base, terminal.sent, terminal.end) == (4, 4, 6)
    assert terminal.acknowledge(6) == 2
    assert not terminal.has_news


def test_an_acknowledgement_before_resume_frees_and_lets_nothing_flow():
    terminal = running(b"abc")
    assert terminal.acknowledge(2) == 2
    assert (terminal.sent, terminal.has_news) == (2, False)


def test_the_end_is_told_behind_what_an_acknowledgement_skipped():
    terminal = running(b"abc")
    terminal.exit = Exit(How.EXITED, 0)
    terminal.state = State.ENDED
    terminal.resume(0)
    terminal.acknowledge(3)
    assert terminal.has_news
    assert terminal.last_words() == Ended(ID, How.EXITED, 0, 3)


def test_an_acknowledgement_of_what_was_not_read_is_an_error():
    terminal = running(b"abc")
    with pytest.raises(OffsetError):
        terminal.acknowledge(4)
    assert (terminal.base, bytes(terminal.held)) == (0, b"abc")


def test_resuming_sends_again_from_the_stored_offset():
    terminal = running(b"abcdef")
    terminal.sent = 6
    terminal.forget_connection()
    assert not terminal.has_news
    assert terminal.resume(2) == 2
    assert (terminal.sent, terminal.base, terminal.has_news) == (2, 2, True)


def test_resuming_before_what_is_held_starts_at_the_first_held_byte():
    terminal = running(b"abc", base=10)
    assert terminal.resume(3) == 0
    assert terminal.sent == 10


def test_resuming_behind_the_end_is_an_error():
    terminal = running(b"abc")
    with pytest.raises(OffsetError):
        terminal.resume(4)
    assert (terminal.flowing, bytes(terminal.held)) == (False, b"abc")


def test_the_end_is_told_after_the_last_byte_and_once_per_connection():
    terminal = running(b"abc")
    terminal.exit = Exit(How.EXITED, 3)
    terminal.state = State.ENDED
    terminal.resume(0)
    assert terminal.last_words() is None
    terminal.sent = 3
    assert terminal.has_news
    assert terminal.last_words() == Ended(ID, How.EXITED, 3, 3)
    terminal.told_end = True
    assert terminal.last_words() is None
    assert not terminal.has_news
    terminal.forget_connection()
    terminal.resume(3)
    assert terminal.last_words() == Ended(ID, How.EXITED, 3, 3)


def test_a_terminal_alone_may_hold_four_mebibytes():
    room = Room()
    room.terminals = 1
    assert room.left(0) == TERMINAL_BYTES
    room.total = TERMINAL_BYTES
    assert room.left(TERMINAL_BYTES) == 0
    assert room.left(TERMINAL_BYTES - LEAST_BYTES + 1) == 0
    assert room.left(TERMINAL_BYTES - LEAST_BYTES) == LEAST_BYTES


def test_above_half_of_the_total_only_those_below_their_share_go_on():
    room = Room()
    room.terminals = 32
    room.total = TOTAL_BYTES // 2
    share = TOTAL_BYTES // 2 // 32
    assert room.left(share) == 0
    assert room.left(0) == share


@given(st.integers(1, 3000), st.integers(0, TOTAL_BYTES + 3000 * LEAST_BYTES))
def test_a_terminal_that_holds_nothing_may_always_hold_something(terminals, total):
    room = Room()
    room.terminals = terminals
    room.total = total
    assert room.left(0) >= LEAST_BYTES


@given(st.lists(st.integers(0, 199), min_size=1, max_size=3000), st.integers(1, 200))
def test_together_they_hold_no_more_than_the_total_and_the_least_of_each(readers, terminals):
    room = Room()
    held = [0] * 200
    for reader in readers:
        room.terminals = max(terminals, len([it for it in held if it]))
        left = room.left(held[reader])
        held[reader] += left
        room.total += left
        assert held[reader] <= TERMINAL_BYTES
        assert room.total == sum(held) <= TOTAL_BYTES + LEAST_BYTES * 200
