"""A flood rests while somebody works elsewhere, and only then."""

from cctm.keeper.pacing import FLOOD_BYTES, LITTLE_BYTES, PACE_BYTES_S, WORKS_FOR_S, Pacing
from cctm.keeper.terminal import State, Terminal
from cctm.keeper.wire import StreamId


def a_terminal(number: int) -> Terminal:
    return Terminal(StreamId(bytes([number]) * 16), "", -1, State.RUNNING)


def test_a_flood_rests_until_its_pace_is_bearable_while_another_terminal_has_little_output() -> None:
    pacing, typed, flood = Pacing(), a_terminal(1), a_terminal(2)
    assert pacing.rests_until(typed, 1, 10.0) is None
    assert pacing.rests_until(flood, FLOOD_BYTES // 2, 10.001) is None
    assert pacing.rests_until(flood, FLOOD_BYTES // 2, 10.002) == 10.001 + FLOOD_BYTES / PACE_BYTES_S


def test_a_flood_goes_on_at_full_speed_when_nobody_works() -> None:
    pacing, flood, other = Pacing(), a_terminal(1), a_terminal(2)
    for step in range(100):
        assert pacing.rests_until(flood, FLOOD_BYTES, step / 1000) is None
        assert pacing.rests_until(other, FLOOD_BYTES, step / 1000) is None


def test_the_terminal_in_which_somebody_works_does_not_rest_because_of_itself() -> None:
    pacing, terminal = Pacing(), a_terminal(1)
    assert pacing.rests_until(terminal, 1, 10.0) is None
    assert pacing.rests_until(terminal, FLOOD_BYTES, 10.0) is None


def test_work_counts_for_a_while_and_no_longer() -> None:
    pacing, typed, flood = Pacing(), a_terminal(1), a_terminal(2)
    assert pacing.rests_until(typed, 1, 10.0) is None
    almost = 10.0 + WORKS_FOR_S - 0.001
    assert pacing.rests_until(flood, FLOOD_BYTES, almost) == almost + FLOOD_BYTES / PACE_BYTES_S
    assert pacing.rests_until(flood, FLOOD_BYTES, 10.0 + WORKS_FOR_S) is None


def test_reading_nothing_is_no_work() -> None:
    pacing, closed, flood = Pacing(), a_terminal(1), a_terminal(2)
    assert pacing.rests_until(closed, 0, 10.0) is None
    assert pacing.rests_until(flood, FLOOD_BYTES, 10.0) is None


def test_what_prints_more_than_a_little_in_a_span_is_no_work() -> None:
    pacing, chatty, flood = Pacing(), a_terminal(1), a_terminal(2)
    assert pacing.rests_until(chatty, LITTLE_BYTES, 10.0) is None
    assert pacing.rests_until(flood, FLOOD_BYTES, 10.0) is None
