"""What a program switched on is known, and undone."""

import pytest

from cctm.screen.modes import ALTERNATE, CARRY, MAX_MODE, NOT_TOUCHED, ON_BY_DEFAULT, Modes

# name: what switches it on, what switches it off, what undoes it
SWITCHES = {
    "cursor keys": (b"\x1b[?1h", b"\x1b[?1l", b"\x1b[?1l"),
    "no wrapping": (b"\x1b[?7l", b"\x1b[?7h", b"\x1b[?7h"),
    "hidden cursor": (b"\x1b[?25l", b"\x1b[?25h", b"\x1b[?25h"),
    "mouse": (b"\x1b[?1000h", b"\x1b[?1000l", b"\x1b[?1000l"),
    "mouse, SGR": (b"\x1b[?1006h", b"\x1b[?1006l", b"\x1b[?1006l"),
    "focus": (b"\x1b[?1004h", b"\x1b[?1004l", b"\x1b[?1004l"),
    "bracketed paste": (b"\x1b[?2004h", b"\x1b[?2004l", b"\x1b[?2004l"),
    "alternate screen": (b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?1049l"),
    "old alternate screen": (b"\x1b[?47h", b"\x1b[?47l", b"\x1b[?47l"),
    "keypad": (b"\x1b=", b"\x1b>", b"\x1b>"),
    "cursor style": (b"\x1b[4 q", b"\x1b[0 q", b"\x1b[0 q"),
    "cursor style, default": (b"\x1b[5 q", b"\x1b[ q", b"\x1b[0 q"),
    "margins": (b"\x1b[2;5r", b"\x1b[r", b"\x1b7\x1b[r\x1b8"),
    "kitty keys": (b"\x1b[>1u", b"\x1b[<u", b"\x1b[<1u"),
    "kitty keys, set": (b"\x1b[=5;1u", b"\x1b[=0u", b"\x1b[=0u"),
    "modified keys": (b"\x1b[>4;2m", b"\x1b[>4m", b"\x1b[>4;0m"),
    "modified keys, by number": (b"\x1b[>4;1m", b"\x1b[>4;0m", b"\x1b[>4;0m"),
}
NOTHING_TO_UNDO = Modes().undo()


def fed(*pieces):
    modes = Modes()
    for piece in pieces:
        modes.feed(piece)
    return modes


def extra(modes):
    """What undoing needs beyond what it always does."""
    return modes.undo().removeprefix(NOTHING_TO_UNDO)


@pytest.mark.parametrize("name", SWITCHES)
def test_what_was_switched_on_is_undone_and_what_was_switched_off_again_is_not(name):
    on, off, undo = SWITCHES[name]
    assert extra(fed(on)) == undo
    assert extra(fed(on, off)) == b""


@pytest.mark.parametrize("name", SWITCHES)
def test_a_sequence_cut_anywhere_is_understood(name):
    on, _, undo = SWITCHES[name]
    for cut in range(len(on) + 1):
        assert extra(fed(b"text" + on[:cut], on[cut:] + b"text")) == undo
    assert extra(fed(*(bytes((byte,)) for byte in on))) == undo


@pytest.mark.parametrize("name", SWITCHES)
def test_a_full_reset_forgets_everything(name):
    assert extra(fed(SWITCHES[name][0], b"\x1bc")) == b""


def test_a_soft_reset_leaves_the_alternate_screen_and_the_mouse_alone():
    everything = b"\x1b[?1;25;1000;1049;2004h\x1b[?25l\x1b[?7l\x1b=\x1b[2;5r"
    assert extra(fed(everything, b"\x1b[!p")) == b"\x1b[?1000l\x1b[?2004l\x1b[?1049l"


def test_undoing_leaves_a_terminal_in_which_nothing_is_to_be_undone():
    modes = fed(b"".join(on for on, _, _ in SWITCHES.values()))
    modes.feed(modes.undo())
    assert modes.undo() == NOTHING_TO_UNDO
    assert modes.restore() == b""


def test_several_modes_of_one_sequence_are_all_understood():
    assert extra(fed(b"\x1b[?1000;;1006;25h")) == b"\x1b[?1000l\x1b[?1006l"


def test_the_alternate_screen_is_left_last():
    undo = fed(b"\x1b[?1049h\x1b[?2004h\x1b[?1000h\x1b=").undo()
    assert undo.endswith(b"\x1b[?1049l")


@pytest.mark.parametrize("mode", sorted(ALTERNATE))
def test_the_alternate_screen_is_known(mode):
    assert not Modes().alternate
    assert fed(b"\x1b[?%dh" % mode).alternate
    assert not fed(b"\x1b[?%dh" % mode, b"\x1b[?%dl" % mode).alternate


@pytest.mark.parametrize("mode", sorted(NOT_TOUCHED))
def test_what_clears_the_screen_or_ends_by_itself_is_not_undone(mode):
    assert extra(fed(b"\x1b[?%dh" % mode)) == b""


def test_restoring_brings_a_fresh_terminal_to_the_same_modes():
    modes = fed(b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b=\x1b[3 q")
    again = fed(modes.restore())
    assert again.restore() == modes.restore() == b"\x1b[?25l\x1b[?1049h\x1b[?2004h\x1b=\x1b[3 q"
    assert again.undo() == modes.undo()


def test_kitty_flags_are_popped_as_often_as_they_were_pushed():
    assert extra(fed(b"\x1b[>1u" * 3)) == b"\x1b[<3u"
    assert extra(fed(b"\x1b[>1u" * 3, b"\x1b[<2u")) == b"\x1b[<1u"
    assert extra(fed(b"\x1b[<5u", b"\x1b[>1u")) == b"\x1b[<1u"
    assert extra(fed(b"\x1b[>1u" * 1000)) == b"\x1b[<99u"


@pytest.mark.parametrize(
    "odd",
    [
        *(
            b"\x1b[<1;2u",
            b"\x1b[<;u",
            b"\x1b[>;u",
            b"\x1b[=u",
            b"\x1b[?;h",
            b"\x1b[;r",
            b"\x1b[>m",
            b"\x1b[<m",
        ),
        *(b"\x1b[?%bh" % (b"9" * 32), b"\x1b[<%bu" % (b"9" * 16), b"\x1b[?h", b"\x1b[?%bh" % (b"1" * 40)),
    ],
)
def test_odd_numbers_break_nothing(odd):
    modes = fed(b"\x1b[?2004h", odd)
    assert modes.private == {2004: True}
    modes.feed(modes.undo())
    assert modes.undo() == NOTHING_TO_UNDO


def test_a_program_cannot_make_it_grow():
    modes = fed(b"".join(b"\x1b[?%dh" % mode for mode in range(3 * MAX_MODE)))
    assert len(modes.private) == MAX_MODE + 1
    modes.feed(b"\x1b[?" + b"1;" * 1_000_000)
    assert len(modes._carry) <= CARRY


@pytest.mark.parametrize("other", [b"\x1b[1m", b"\x1b[H", b"\x1b(B", b"\x1b]0;x\x07", b"?25l", b"\x1b[25l"])
def test_other_sequences_change_nothing(other):
    assert extra(fed(other)) == b""


def test_what_is_on_by_default_is_restored_by_switching_it_on():
    for mode in ON_BY_DEFAULT:
        assert fed(b"\x1b[?%dl" % mode).restore() == b"\x1b[?%dl" % mode
        assert extra(fed(b"\x1b[?%dl" % mode)) == b"\x1b[?%dh" % mode
