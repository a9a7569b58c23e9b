"""A terminal to attach to, and a window in which it is attached."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import Machine
from outer import BASH, Outer


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with the terminal `work`, a shell; without coverage, which makes each key of a person slow."""
    with Machine(tmp_path, {"PS1": "inner$ "}, traced=False) as one:
        one.run("new", "-d", "-n", "work", "--size", "80x24", "--", *BASH)
        yield one


@pytest.fixture
def outer(machine: Machine) -> Iterator[Outer]:
    """A window that is attached to `work`, whose prompt is shown."""
    with Outer(machine, "attach", "work") as one:
        one.until("inner$")
        yield one
