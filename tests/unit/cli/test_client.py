"""A command's side of the connection, against a daemon that answers oddly: every mistake becomes a sentence."""

import contextlib
import os
import socket

import pytest

from archive_fixtures import make_home
from cctm.cli import client as client_module
from cctm.cli.client import Client, DaemonGoneError, DaemonSilentError, RefusedError, try_connect
from cctm.cli.errors import UserError
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import encode_message
from cctm.protocol.control.values import Reason


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Client(ours), theirs


def answered(theirs, *messages):
    theirs.sendall(b"".join(map(encode_message, messages)))


def test_a_request_gets_its_reply_and_what_came_with_it_is_kept(pair):
    client, theirs = pair
    answered(theirs, replies.Done(), replies.Notice(0, "more"))
    assert client.ask(requests.Settle(), replies.Done) == replies.Done()
    assert client.take_received() == [replies.Notice(0, "more")]
    assert client.take_received() == []


def test_a_refusal_says_what_and_why(pair):
    client, theirs = pair
    answered(theirs, replies.Refused(Reason.NAME_TAKEN, "It is taken.", "Choose another."))
    with pytest.raises(RefusedError, match=r"It is taken\. Choose another\.") as caught:
        client.ask(requests.Settle(), replies.Done)
    assert caught.value.reason is Reason.NAME_TAKEN


def test_a_reason_of_a_newer_daemon_is_a_failure_like_any(pair):
    client, theirs = pair
    answered(theirs, replies.Refused(4711, "No.", "Sorry."))
    with pytest.raises(RefusedError) as caught:
        client.ask(requests.Settle(), replies.Done)
    assert caught.value.reason is Reason.FAILED


def test_another_answer_than_the_one_that_is_due_is_said(pair):
    client, theirs = pair
    answered(theirs, replies.Link("url"))
    with pytest.raises(UserError, match="answered Link where Done was due"):
        client.ask(requests.Settle(), replies.Done)


def test_an_answer_that_is_none_is_said(pair):
    client, theirs = pair
    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(UserError, match="not of this protocol"):
        client.ask(requests.Settle(), replies.Done)


def test_a_daemon_that_leaves_before_it_answers_is_said(pair):
    client, theirs = pair
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(DaemonGoneError):
        client.ask(requests.Settle(), replies.Done)
    theirs.close()
    with pytest.raises(DaemonGoneError):
        client.send(requests.Settle())


def test_a_daemon_that_leaves_without_having_read_the_question_is_said(pair):
    client, theirs = pair
    client.send(requests.Settle())
    theirs.close()
    with pytest.raises(DaemonGoneError):
        client.next_message()


@pytest.mark.parametrize(
    "request_", [requests.Kill("\udcff", 0), requests.Kill("x" * 2_000_000, 0)], ids=["no text", "too long"]
)
def test_what_no_message_can_carry_is_said(pair, request_):
    client, _ = pair
    with pytest.raises(UserError, match="longer than the 1024 KiB that a request may have, or not UTF-8"):
        client.send(request_)


def test_where_no_daemon_runs_there_is_no_connection(tmp_path):
    home = make_home(tmp_path / "home")
    assert try_connect(home) is None
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(home.control_socket)
    assert try_connect(home) is None


@pytest.fixture
def listener(tmp_path):
    """A daemon's control socket, which nobody serves yet; and its home."""
    home = make_home(tmp_path / "home")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(home.control_socket)
        listening.listen()
        yield listening, home


@contextlib.contextmanager
def served(listening, serve):
    """Another process does *serve* with the next connection."""
    pid = os.fork()
    if pid == 0:
        try:
            serve(listening.accept()[0])
        finally:
            os._exit(0)
    yield
    os.waitpid(pid, 0)


def test_a_daemon_that_leaves_while_it_is_greeted_is_none(listener):
    listening, home = listener
    with served(listening, socket.socket.close):
        assert try_connect(home) is None


def test_a_daemon_that_does_not_answer_is_named_with_what_to_do(listener, monkeypatch):
    _, home = listener  # as of a stopped process: the kernel takes the connection, and nobody reads it
    monkeypatch.setattr(client_module, "GREETING_S", 0.05)
    with pytest.raises(DaemonSilentError) as caught:
        try_connect(home)
    assert f"pid {os.getpid()}" in caught.value.what
    assert f"kill -CONT {os.getpid()}" in caught.value.advice


def test_a_daemon_of_another_version_is_said(listener):
    listening, home = listener

    def refuse(connection):
        connection.recv(1000)
        answered(connection, replies.Refused(Reason.VERSION, "Versions differ.", "Restart it."))

    with served(listening, refuse), pytest.raises(RefusedError, match="Versions differ"):
        try_connect(home)
