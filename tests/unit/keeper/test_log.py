"""The keeper's log: bounded, and equal lines are told once in a while."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.keeper.log import BURST, MAX_BYTES, PERIOD_S, Log, Repeats


def test_of_equal_lines_a_few_are_admitted_and_the_rest_is_counted():
    repeats = Repeats()
    assert [repeats.admit("a", 0.0) for _ in range(BURST + 2)] == [0] * BURST + [None, None]
    assert repeats.admit("b", 1.0) == 0
    assert repeats.admit("a", PERIOD_S - 0.1) is None
    assert repeats.admit("a", PERIOD_S) == 3
    assert repeats.admit("a", PERIOD_S) == 0


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 100)), max_size=300))
def test_what_is_left_out_was_said_often_in_the_same_period(said):
    repeats = Repeats()
    admitted = []
    for text, now in sorted(said, key=lambda it: it[1]):
        if repeats.admit(str(text), now) is None:
            lately = [at for other, at in admitted if other == text and now - at < PERIOD_S]
            assert len(lately) >= BURST
        else:
            admitted.append((text, now))
    assert len(repeats._said) <= 64


@pytest.fixture
def file(tmp_path):
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield tmp_path / "log", descriptor
    os.close(descriptor)


def test_a_full_log_begins_again_and_says_so(file):
    path, descriptor = file
    os.write(descriptor, b"x" * MAX_BYTES)
    log = Log(descriptor)
    log.line("news")
    first, second = path.read_text().splitlines()
    assert first.endswith("the log was full and begins again")
    assert second.endswith(": news")
    log.line("more")
    assert len(path.read_text().splitlines()) == 3


def test_many_different_lines_stay_within_the_limit(file):
    path, descriptor = file
    log = Log(descriptor)
    sizes = set()
    for number in range(3 * MAX_BYTES // 10_000):
        log.line(f"{number} " + "x" * 10_000)
        sizes.add(path.stat().st_size)
    assert MAX_BYTES < max(sizes) < MAX_BYTES + 20_000


def test_a_log_that_is_no_file_or_is_gone_disturbs_nobody():
    reader, writer = os.pipe()
    log = Log(writer)
    log.line("news")
    assert os.read(reader, 1000).endswith(b": news\n")
    os.close(reader)
    os.close(writer)
    log.line("nobody listens")
