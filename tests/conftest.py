"""Fixtures for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose home is empty; whatever was started in it is ended afterwards."""
    with Machine(tmp_path) as one:
        yield one
