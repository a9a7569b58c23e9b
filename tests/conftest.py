"""Fixtures for all tests."""

import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from machine import Machine

# A shell starts what it starts in the background with these ignored, and they stay so through every exec: commands that
# are tested would never hear of them.
for ignored in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine whose home is empty; whatever was started in it is ended afterwards."""
    with Machine(tmp_path, traced=request.node.get_closest_marker("untraced") is None) as one:
        yield one


@pytest.fixture(scope="module")
def shared_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a daemon, for tests that leave it as it was."""
    with Machine(tmp_path_factory.mktemp("shared")) as one:
        one.run("daemon", "start")
        yield one


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """What is marked `untraced` repeats the same so often that coverage, which learns nothing more, takes most time."""
    tracer = sys.gettrace()
    if pyfuncitem.get_closest_marker("untraced"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
