"""Two homes, as on two machines, and a relay between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cctm.home import Home
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice, save_choice
from machine import Machine
from relay_process import RelayProcess


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    place = tmp_path / "relay"
    place.mkdir()
    with RelayProcess(place) as one:
        yield one


@pytest.fixture
def host(tmp_path: Path, relay: RelayProcess) -> Iterator[Machine]:
    """A machine that shares through the relay."""
    place = tmp_path / "host"
    place.mkdir()
    with Machine(place) as one:
        home = Home.locate(one.env)
        home.prepare()
        save_choice(home, RelayChoice(decode_origin_untrusted(relay.address)))
        yield one


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Machine]:
    place = tmp_path / "guest"
    place.mkdir()
    with Machine(place) as one:
        yield one
