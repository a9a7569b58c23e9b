"""The real keeper with real PTYs and real programs."""

import contextlib
import os

import pytest

from keeper_driver import Keeper, orphans_come_to_us
from machine import without_coverage


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    with orphans_come_to_us() as left_behind:
        yield
        assert left_behind() == []


@pytest.fixture
def launch(tmp_path):
    """Start a keeper of the test's own in the test's directory; it is stopped at the end."""
    with contextlib.ExitStack() as stopping:

        def launch(*arguments, **options):
            keeper = Keeper(tmp_path, *arguments, **options)
            stopping.callback(keeper.stop)
            return keeper

        yield launch


@pytest.fixture
def keeper(launch, request):
    untraced = request.node.get_closest_marker("untraced")
    return launch(env=without_coverage(os.environ)) if untraced else launch()


@pytest.fixture
def daemon(keeper):
    with keeper.daemon() as daemon:
        yield daemon
