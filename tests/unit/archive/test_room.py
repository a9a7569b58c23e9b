"""cctm.archive.room: decisions about space."""

import os

import pytest

from archive_fixtures import drawn
from cctm.archive.room import GIB, Candidate, Limits, Space, free_space, select_prunable
from cctm.home import HomeError


@pytest.mark.parametrize(
    ("total", "least"), [(0, 2 * GIB), (40 * GIB, 2 * GIB), (100 * GIB, 5 * GIB), (1_000 * GIB, 50 * GIB)]
)
def test_two_gibibytes_or_a_twentieth_stay_free(total, least):
    limits = Limits()
    assert limits.least_free_bytes(total) == least
    assert limits.missing_bytes(Space(total, least)) == 0
    assert limits.missing_bytes(Space(total, least - 7)) == 7


def test_the_environment_overrides_both_limits():
    limits = Limits.of({"CCTM_MIN_FREE": "100", "CCTM_QUOTA": "5"})
    assert limits.missing_bytes(Space(10**12, 100)) == 0
    assert limits.missing_bytes(Space(10**12, 99)) == 1
    assert (limits.is_over_quota(4), limits.is_over_quota(5)) == (False, True)
    assert Limits.of({"CCTM_MIN_FREE": ""}) == Limits() == Limits(None, 10 * GIB)
    assert Limits.of({"CCTM_MIN_FREE": "0"}).missing_bytes(Space(10**12, 0)) == 0


@pytest.mark.parametrize("text", ["-1", "1G", " 1", "٣", "1.0"])
def test_a_limit_that_is_no_number_is_refused_by_name(text):
    for name in ("CCTM_MIN_FREE", "CCTM_QUOTA"):
        with pytest.raises(HomeError, match=name):
            Limits.of({name: text})


RUNNING = Candidate(drawn("r"), 1_000, None)
OLD, MIDDLE, NEW = (Candidate(drawn(when), 100, when) for when in (10, 20, 30))
ALL = [NEW, RUNNING, OLD, MIDDLE]


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ({}, []),
        ({"ended_before_us": 20}, [OLD]),
        ({"ended_before_us": 21}, [OLD, MIDDLE]),
        ({"keep_bytes": 1_300}, []),
        ({"keep_bytes": 1_299}, [OLD]),
        ({"keep_bytes": 1_150}, [OLD, MIDDLE]),
        ({"keep_bytes": 0}, [OLD, MIDDLE, NEW]),
        ({"keep_bytes": 1_200, "ended_before_us": 20}, [OLD]),
        ({"keep_bytes": 1_199, "ended_before_us": 11}, [OLD, MIDDLE]),
    ],
)
def test_the_longest_ended_go_first_and_running_ones_never(rule, chosen):
    assert select_prunable(ALL, **rule) == chosen


def test_free_space_is_what_the_file_system_says(tmp_path):
    space = free_space(str(tmp_path))
    assert 0 < space.free_bytes <= space.total_bytes
    with pytest.raises(OSError, match="No such file"):
        free_space(os.path.join(tmp_path, "none"))
