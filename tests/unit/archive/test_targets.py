"""What a target means: the same for the daemon and for who reads without it."""

import pytest

from cctm.archive.targets import AmbiguousTerminalError, Named, NoSuchTerminalError, find
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


def test_what_means_several_is_refused_with_a_list_of_them():
    one, two = named("abcd01", "make"), named("abcd02", "tests")
    with pytest.raises(AmbiguousTerminalError) as several:
        find("abcd", [one, OLD, two])
    assert several.value.candidates == (one, two)
    assert several.value.what == (
        "2 terminals have ids that begin with 'abcd': abcd01 (make), abcd02 (tests)."
    )


def test_of_many_that_may_be_meant_the_first_are_listed():
    many = [named(f"abcd{number:02x}", f"name{number}") for number in range(11)]
    with pytest.raises(AmbiguousTerminalError, match="abcd") as several:
        find("abcd", many)
    assert several.value.what.count("name") == 8
    assert several.value.what.endswith(", 3 more.")
