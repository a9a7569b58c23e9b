"""The real keeper with real PTYs and real programs."""

import pytest

from keeper_driver import Keeper, orphans_come_to_us


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    with orphans_come_to_us() as left_behind:
        yield
        assert left_behind() == []


@pytest.fixture
def keeper(tmp_path):
    keeper = Keeper(tmp_path)
    yield keeper
    keeper.stop()


@pytest.fixture
def daemon(keeper):
    with keeper.daemon() as daemon:
        yield daemon
