"""What a target means: the same for the daemon and for who reads without it."""

import pytest

from cctm.archive.targets import AmbiguousTerminalError, Named, NoSuchTerminalError, find, find_only
from cctm.protocol.keys import ChannelId


def named(first_bytes, name, *, created_us=0, is_running=False):
    return Named(ChannelId(bytes.fromhex(first_bytes).ljust(32, b"\0")), name, created_us, is_running)


OLD, NEW = named("a1a1", "work", created_us=1), named("a1a2", "work", created_us=3)
RUNS, OTHER = named("b1b1", "work", created_us=2, is_running=True), named("b2b2", "a1a1", created_us=4)


@pytest.mark.parametrize(
    ("target", "terminals", "meant"),
    [
        ("work", [OLD, NEW], NEW),
        ("work", [NEW, OLD], NEW),
        ("work", [OLD, RUNS, NEW], RUNS),
        ("a1a2", [OLD, NEW, RUNS], NEW),
        ("A1A2", [OLD, NEW, RUNS], NEW),
        ("a1a1", [OLD, NEW, OTHER], OTHER),
        (OLD.channel.hex(), [OLD, NEW], OLD),
    ],
)
def test_a_name_means_the_running_one_then_the_newest_and_an_id_comes_after_names(target, terminals, meant):
    assert find(target, terminals) == meant.channel


@pytest.mark.parametrize("target", ["nobody", "", "a1a", "c1c1"])
def test_what_means_nothing_is_said(target):
    with pytest.raises(NoSuchTerminalError) as missing:
        find(target, [OLD, NEW])
    assert missing.value.what == f"There is no terminal {target!r}."


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        ("nobody", "See `cctm ls -a` for names and ids."),
        ("", "See `cctm ls -a` for names and ids."),
        ("c1c1", "See `cctm ls -a` for names and ids."),
        ("xyz", "See `cctm ls -a` for names and ids."),
        ("a1a", "If it begins an id, say 4 digits of it or more: see `cctm ls -a`."),
        ("B", "If it begins an id, say 4 digits of it or more: see `cctm ls -a`."),
        ("wrok", "Did you mean 'work'?"),
    ],
)
def test_whoever_means_nothing_is_told_the_rule_for_ids_or_a_name_that_is_near(target, advice):
    with pytest.raises(NoSuchTerminalError) as missing:
        find(target, [OLD, NEW])
    assert missing.value.advice == advice


def test_what_means_several_is_refused_with_a_list_of_them():
    one, two = named("abcd01", "make"), named("abcd02", "tests")
    with pytest.raises(AmbiguousTerminalError) as several:
        find("abcd", [one, OLD, two])
    assert several.value.candidates == (one, two)
    assert several.value.what == (
        "2 terminals have ids that begin with 'abcd': abcd0100 (make), abcd0200 (tests)."
    )


def test_ids_that_a_listing_would_not_tell_apart_are_said_at_greater_length():
    one, two = named("abcdabcd01", "make"), named("abcdabcd02", "tests")
    with pytest.raises(AmbiguousTerminalError) as several:
        find("abcd", [one, two])
    assert several.value.what.endswith(": abcdabcd01 (make), abcdabcd02 (tests).")


def test_of_many_that_may_be_meant_the_first_are_listed():
    many = [named(f"abcd{number:02x}", f"name{number}") for number in range(11)]
    with pytest.raises(AmbiguousTerminalError, match="abcd") as several:
        find("abcd", many)
    assert several.value.what.count("name") == 8
    assert several.value.what.endswith(", 3 more.")


def test_where_a_mistake_cannot_be_taken_back_several_ended_ones_of_a_name_are_listed():
    with pytest.raises(AmbiguousTerminalError) as several:
        find_only("work", [OLD, OTHER, NEW])
    assert several.value.what == (
        "2 terminals that ended are called 'work': a1a20000, a1a10000 (the newest first)."
    )
    assert several.value.candidates == (NEW, OLD)


@pytest.mark.parametrize(
    ("target", "terminals", "meant"),
    [
        ("work", [NEW, OTHER], NEW),
        ("work", [OLD, RUNS, NEW], RUNS),
        ("a1a20000", [OLD, NEW], NEW),
        ("a1a1", [OLD, OTHER], OTHER),
    ],
)
def test_where_a_mistake_cannot_be_taken_back_the_only_one_is_meant(target, terminals, meant):
    assert find_only(target, terminals) == meant.channel
