"""Daemons and others at the keeper's socket, and what they may ask for."""

import contextlib
import os

import pytest

from cctm.keeper import wire


def test_the_newest_daemon_wins(keeper, daemon):
    with keeper.daemon():
        daemon.wait_eof()


def test_a_daemon_of_another_version_is_told_and_dropped(keeper, daemon):
    with keeper.connect() as other:
        other.send(wire.Hello(wire.VERSION + 1, os.getpid()))
        assert f"version {wire.VERSION}" in other.wait(wire.Refused).text
        other.wait_eof()
    assert daemon.run("true")[1].code == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(b"\0\0\0\0", id="an empty frame"),
        pytest.param(b"\xff\xff\xff\xff\1", id="an oversized frame"),
        pytest.param(b"\0\0\0\3\1{}", id="HELLO of nobody"),
        pytest.param(wire.encode(wire.Open(1, "", 80, 24)), id="an order without HELLO"),
        pytest.param(wire.encode(wire.Output(bytes(16), 0, b"x")), id="a message of the keeper's own"),
        pytest.param(wire.encode(wire.Hello(0, 1)) * 2, id="HELLO twice"),
        pytest.param(wire.encode(wire.Hello(0, 1)) + wire.encode(wire.Ready(0, 1)), id="READY from a daemon"),
        pytest.param(
            wire.encode(wire.Hello(0, 1)) + wire.encode(wire.Adopt(bytes(16), "", 1, 0)),
            id="ADOPT of nothing",
        ),
    ],
)
def test_rubbish_costs_its_connection_only(keeper, data):
    with keeper.daemon() as daemon:
        id_, pid = daemon.spawn("cat")
        with keeper.connect() as other:
            other.socket.sendall(data)
            other.wait_eof()
    with keeper.daemon() as daemon:
        assert daemon.here[id_].pid == pid


def test_descriptors_that_nobody_asked_for_are_closed(keeper):
    with keeper.daemon() as daemon:
        reader, writer = os.pipe()
        for message in (wire.Opened(1, bytes(16)), wire.Adopt(bytes(16), "", 1, 0)):
            with keeper.connect() as other:
                other.send(message, writer)
                other.wait_eof()
        with keeper.connect() as other:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may hang up before the last
                for _ in range(8):
                    other.send(wire.StartDaemon(), writer)
            other.wait_eof()
        os.close(writer)
        assert os.read(reader, 1) == b""
        os.close(reader)
        assert daemon.run("true")[1].code == 0


def test_the_next_daemon_may_acknowledge_before_it_resumes_and_what_is_not_sent_again_yet(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo before; read line; echo after", raw=True)
    daemon.wait(wire.Output)
    with keeper.daemon() as other:
        other.send(wire.Ack(id_, 3))
        other.resume(id_, 1)
        other.place[id_] = 3
        assert other.wait(wire.Output) == wire.Output(id_, 3, b"ore\n")
    with keeper.daemon() as other:
        assert (other.here[id_].base, other.here[id_].end) == (3, 7)
        other.send(wire.Ack(id_, 7))
        other.resume(id_, 3)
        other.place[id_] = 7
        other.type(id_, b"\n")
        assert other.wait(wire.Output) == wire.Output(id_, 7, b"after\n")
        assert other.until_ended(id_).end == 13


def test_resuming_behind_the_end_is_refused_and_the_connection_goes_on(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo hi; cat", raw=True)
    daemon.wait(wire.Output)
    with keeper.daemon() as other:
        other.send(wire.Resume(id_, 4))
        refused = other.wait(wire.Refused)
        assert (refused.id, refused.text) == (id_, "resume: 4 lies behind what was read, 3")
        other.resume(id_, 0)
        assert other.wait(wire.Output) == wire.Output(id_, 0, b"hi\n")


def test_acknowledging_what_was_not_read_drops_the_daemon_and_keeps_the_terminal(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo hi; cat", raw=True)
    daemon.wait(wire.Output)
    daemon.send(wire.Ack(id_, 1000))
    daemon.wait_eof()
    with keeper.daemon() as other:
        assert (other.here[id_].base, other.here[id_].end) == (0, 3)


def test_orders_about_terminals_that_are_not_there_change_nothing(daemon):
    nowhere = bytes(16)
    for message in (wire.Ack(nowhere, 5), wire.Kill(nowhere, 9), wire.Forget(nowhere)):
        daemon.send(message)
    daemon.send(wire.Resume(nowhere, 0))
    assert daemon.wait(wire.Refused) == wire.Refused("resume: no such terminal", nowhere)
    daemon.send(wire.Kill(daemon.open(), 9))
    assert daemon.run("true")[1].code == 0


def test_what_a_misplaced_start_says_is_not_in_the_log_and_equal_lines_are_few(keeper):
    start = wire.Start(bytes(16), (b"SECRET",), {b"TOKEN": b"SECRET"}, b"/SECRET", 0, login=False)
    frames = [
        wire.encode(it)
        for it in (
            start,
            start._replace(umask=9999),
            start._replace(argv=()),
            start._replace(env={b"SECRET=": b""}),
            start._replace(cwd=b"/SECRET\0"),
        )
    ]
    with keeper.daemon() as daemon:
        for frame in frames:
            for _ in range(20):
                with keeper.connect() as other:
                    other.socket.sendall(frame)
                    other.wait_eof()
        assert daemon.run("true")[1].code == 0
    assert "SECRET" not in keeper.log
    assert "broke the protocol: WireError, Start" in keeper.log
    assert 5 <= keeper.log.count("broke the protocol") < 50
