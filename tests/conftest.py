"""Fixtures for all tests."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import Machine

# A shell starts what it starts in the background with these ignored, and they stay so through every exec: commands that
# are tested would never hear of them.
for ignored in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose home is empty; whatever was started in it is ended afterwards."""
    with Machine(tmp_path) as one:
        yield one
