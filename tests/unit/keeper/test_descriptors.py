"""Closing descriptors, in a child of its own: each claim is the list of what is open afterwards."""

import os
import resource
import subprocess
import sys

import pytest

from keeper_driver import without_close_range

CLOSE = """
import os, resource, sys
from cctm.keeper.descriptors import close_all_but
null = os.open("/dev/null", os.O_RDONLY)
for target in {open}:
    os.dup2(null, target)
close_all_but({kept}, {listings}, {dense})
print(*sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{fd}}")))
"""


def open_after(open_=(), kept=(), listings=("/proc/self/fd",), dense=65536, **popen):
    script = CLOSE.format(open=repr(open_), kept=repr(kept), listings=repr(listings), dense=dense)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=20, **popen
    )
    return [int(it) for it in done.stdout.split()]


@pytest.mark.parametrize("preexec", [None, without_close_range], ids=["close_range", "one by one"])
@pytest.mark.parametrize("listings", [("/proc/self/fd",), ("/nowhere", "/dev/fd"), ()], ids=str)
def test_all_but_the_kept_and_the_standard_ones_are_closed(listings, preexec):
    def few():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), min(1024, hard)))
        if preexec is not None:
            preexec()

    assert open_after((7, 8, 9, 500), (8, 500, 2), listings, preexec_fn=few) == [0, 1, 2, 8, 500]


def test_descriptors_far_apart_are_closed_one_by_one():
    assert open_after((7, 8, 500), (8,), dense=100) == [0, 1, 2, 8]


def test_what_is_not_open_may_be_kept():
    assert open_after((), (50,)) == [0, 1, 2]
    assert os.path.exists("/proc/self/fd/0")
