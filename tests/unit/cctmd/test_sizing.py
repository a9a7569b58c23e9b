"""Whose window decides."""

from cctm.cctmd.sizing import SILENCE_US, Sizing

SMALL, LARGE, THIRD = (80, 24), (200, 50), (100, 30)


def test_whoever_came_or_resized_last_decides():
    sizing = Sizing()
    assert sizing.claim("a", SMALL, 0) == SMALL
    assert sizing.claim("b", LARGE, 1) == LARGE
    assert sizing.claim("a", THIRD, 2) == THIRD


def test_who_types_decides_once_the_others_are_silent_for_two_seconds():
    sizing = Sizing()
    sizing.claim("a", SMALL, 0)
    sizing.claim("b", LARGE, 0)
    assert sizing.typed("b", 10) is None  # it decides already
    assert sizing.typed("a", 10 + SILENCE_US - 1) is None
    assert sizing.typed("a", 10 + SILENCE_US) == SMALL
    assert sizing.typed("b", 10 + SILENCE_US + 1) is None
    assert sizing.typed("b", 10 + 2 * SILENCE_US) == LARGE


def test_attaching_is_no_typing():
    sizing = Sizing()
    sizing.claim("a", SMALL, 0)
    sizing.claim("b", LARGE, 5)
    assert sizing.typed("a", 6) == SMALL


def test_when_the_one_that_decided_leaves_who_was_active_last_decides():
    sizing = Sizing()
    sizing.claim("a", SMALL, 0)
    sizing.claim("b", LARGE, 1)
    sizing.claim("c", THIRD, 2)
    sizing.typed("a", 3)
    assert sizing.leave("b") is None
    assert sizing.leave("a") == THIRD
    assert sizing.leave("c") is None


def test_whoever_only_watches_never_decides():
    sizing = Sizing()
    sizing.claim("a", SMALL, 0)
    assert sizing.typed("watcher", SILENCE_US * 2) is None
    assert sizing.leave("watcher") is None
