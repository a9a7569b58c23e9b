"""Banner: the first thing that is wrong is said."""

from dataclasses import replace

import pytest

from cctm.cctmd.joining.banner import (
    GRAVE,
    PARTED,
    UNCONFIRMED,
    UNSHOWN,
    WITHHELD,
    Standing,
    banner,
)
from cctm.protocol.live.messages import Why
from cctm.protocol.sync.followed import SENTENCES, Doubt

WELL = Standing(lack="", parted=None, doubts=frozenset(), is_shown=True, withholds=False, is_confirmed=True)

# From the gravest to the least.
WRONG = [
    ({"parted": Why.REMOVED}, PARTED[Why.REMOVED]),
    *(({"doubts": frozenset({doubt})}, SENTENCES[doubt]) for doubt in GRAVE),
    ({"lack": "No connection."}, "No connection."),
    ({"withholds": True}, WITHHELD),
    ({"doubts": frozenset({Doubt.HOLE})}, SENTENCES[Doubt.HOLE]),
    ({"is_shown": False}, UNSHOWN),
    ({"is_confirmed": False}, UNCONFIRMED),
]


def test_a_screen_that_is_live_has_none():
    assert banner(WELL) == ""


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_each_thing_that_is_wrong_is_said(wrong, said):
    assert banner(replace(WELL, **wrong)) == said


@pytest.mark.parametrize("at", range(len(WRONG) - 1))
def test_of_two_that_are_wrong_the_graver_is_said(at):
    (graver, said), (other, _) = WRONG[at], WRONG[at + 1]
    both = {**other, **graver}
    if "doubts" in graver and "doubts" in other:
        both["doubts"] = graver["doubts"] | other["doubts"]
    assert banner(replace(WELL, **both)) == said


def test_that_the_program_ended_is_said_by_its_end():
    assert banner(replace(WELL, parted=Why.ENDED)) == ""
