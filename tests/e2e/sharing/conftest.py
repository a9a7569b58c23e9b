"""Two homes, as on two machines, and a relay between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import Machine
from relay_process import RelayProcess
from two_machines import machine_at, use_relay


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    place = tmp_path / "relay"
    place.mkdir()
    with RelayProcess(place) as one:
        yield one


@pytest.fixture
def host(tmp_path: Path, relay: RelayProcess) -> Iterator[Machine]:
    """A machine that shares through the relay."""
    with machine_at(tmp_path / "host") as one:
        use_relay(one, relay.address)
        yield one


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Machine]:
    with machine_at(tmp_path / "guest") as one:
        yield one
