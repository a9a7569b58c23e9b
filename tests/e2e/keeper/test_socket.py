"""The socket's name, who may connect, and keepers beside one another."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from cctm.keeper import wire
from keeper_driver import (
    DEADLINE_S,
    Keeper,
    until,
)
from keeper_programs import PYTHON


def _replaced(path):
    path.unlink()
    path.write_text("somebody's file")


@pytest.mark.parametrize("lose", [Path.unlink, _replaced], ids=["deleted", "replaced"])
def test_a_socket_whose_name_is_lost_is_bound_again_when_the_daemon_goes(keeper, lose):
    with keeper.daemon() as daemon:
        id_, _ = daemon.spawn("cat")
        lose(keeper.socket_path)
    until(keeper.socket_path.is_socket)
    with keeper.daemon() as daemon:
        assert id_ in daemon.here
    assert "bound again" in keeper.log


def test_a_socket_whose_name_is_lost_while_no_daemon_is_there_is_bound_again(keeper):
    with keeper.connect() as client:
        client.send(wire.Stop())
        keeper.socket_path.unlink()
        until(keeper.socket_path.is_socket)
    with keeper.daemon() as daemon:
        daemon.send(wire.Upgrade(()))
        daemon.wait_eof()
    keeper.daemon().close()
    assert keeper.log.count("bound again") == 1  # the new code knows its name


def test_a_directory_that_is_gone_is_waited_for(keeper):
    daemon = keeper.daemon()
    aside = keeper.directory.with_name("aside")
    keeper.directory.rename(aside)
    daemon.close()
    until(lambda: "cannot be bound" in (aside / "keeper.log").read_text())
    keeper.directory.mkdir()
    keeper.daemon().close()


def test_the_socket_is_the_users_alone(keeper, daemon):
    assert stat.S_IMODE(keeper.socket_path.stat().st_mode) == 0o600
    del daemon


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_turned_away(keeper, daemon):
    for path in (*keeper.directory.parents, keeper.directory):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    keeper.socket_path.chmod(0o666)
    script = (
        "import os, socket, sys; os.setuid(65534); "
        "s = socket.socket(1); s.connect(sys.argv[1]); print(s.recv(1))"
    )
    outcome = subprocess.run(
        [PYTHON, "-c", script, keeper.socket_path], capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert outcome.stdout == b"b''\n", outcome.stderr
    assert daemon.run("true")[1].code == 0


def test_a_second_keeper_leaves_the_first_alone(keeper, daemon):
    second = keeper.launch()
    assert second.wait(DEADLINE_S) == 3
    assert daemon.run("true")[1].code == 0


def test_a_stale_socket_is_replaced(tmp_path, launch):
    first = Keeper(tmp_path)
    first.daemon().close()
    first.process.kill()
    first.process.wait()
    second = launch()
    with second.daemon() as daemon:
        assert daemon.run("true")[1].code == 0
