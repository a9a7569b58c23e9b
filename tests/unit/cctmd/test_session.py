"""One client's connection, against the real parts of a daemon."""

import os
import shutil
import socket
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from cctm.archive.files import channel_directory
from cctm.cctmd.pty_input import MAX_LEFT_BYTES
from cctm.cctmd.session import Session
from cctm.cctmd.shown import Shown
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import VERSION, FrameReader, encode_message
from cctm.protocol.control.values import Others, Reason, Rights
from cctm.protocol.events import How
from cctm.screen.fold import Fold
from daemon_parts import Watcher, opened, running_daemon, screen_owner, until

ATTACH = requests.Attach("work", 80, 24, "xterm", 0, Rights.DRIVE, 0, None, 0, None)


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one, trio.open_nursery() as nursery:
        nursery.start_soon(one.frames.run)
        yield one
        nursery.cancel_scope.cancel()


class Peer:
    """The client's end."""

    def __init__(self, connection):
        self.socket = connection
        self._frames = FrameReader()
        self._received = []

    async def say(self, *messages):
        """Send *messages*, waiting until the daemon takes them."""
        data = b"".join(map(encode_message, messages))
        with trio.fail_after(20):
            while data:
                await trio.lowlevel.wait_writable(self.socket)
                data = data[self.socket.send(data) :]

    async def type(self, data):
        await self.say(requests.Input(data))

    async def hear(self, kind):
        """The next *kind*, whatever comes before it; None at the end of the connection."""
        with trio.fail_after(20):
            while True:
                while not self._received:
                    await trio.lowlevel.wait_readable(self.socket)
                    data = self.socket.recv(1 << 16)
                    if not data:
                        return None
                    self._received.extend(self._frames.receive_untrusted(data))
                message = self._received.pop(0)
                if isinstance(message, kind):
                    return message

    def leave(self):
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()


@asynccontextmanager
async def connected(daemon):
    """A client that has said hello."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    peer = Peer(theirs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Session(ours, daemon).run)
        await peer.say(requests.Hello(VERSION, "test"))
        await peer.hear(replies.Welcome)
        try:
            yield peer
        finally:
            peer.leave()


async def test_a_storm_of_sizes_resizes_the_terminal_a_few_times_and_ends_with_the_last(daemon):
    terminal, _ = await opened(daemon)
    watcher = Watcher()
    terminal.join(watcher)
    async with connected(daemon) as peer:
        await peer.say(ATTACH)
        await peer.hear(replies.Attached)
        await peer.say(*[requests.Resize(100 + n % 50, 30) for n in range(2000)], requests.Resize(90, 20))
        await until(lambda: terminal.size == (90, 20))
    assert watcher.sizes < 200


async def test_the_size_of_a_client_that_leaves_at_once_is_not_lost(daemon):
    terminal, _ = await opened(daemon)
    async with connected(daemon) as peer:
        await peer.say(ATTACH)
        await peer.hear(replies.Attached)
        await peer.say(requests.Resize(100, 30), requests.Resize(90, 20), requests.Detach())
        await peer.hear(replies.Done)
        assert terminal.size == (90, 20)


async def test_who_types_for_a_program_that_does_not_read_can_detach(daemon):
    await opened(daemon)
    async with connected(daemon) as peer:
        await peer.say(ATTACH)
        await peer.hear(replies.Attached)
        for _ in range(10):
            await peer.type(b"x" * 60_000)
        await peer.say(requests.Detach(), requests.AskClients("work"))
        await peer.hear(replies.Done)
        assert (await peer.hear(replies.Clients)).rows == []


async def test_who_types_for_a_program_that_does_not_read_is_held_back_and_may_leave(daemon):
    terminal, _ = await opened(daemon)
    async with connected(daemon) as peer:
        await peer.say(ATTACH)
        await peer.hear(replies.Attached)
        while terminal.pty.has_room:
            await peer.type(b"x" * 60_000)
        await peer.say(requests.Input(b"y" * 60_000), requests.Detach())
        await trio.testing.wait_all_tasks_blocked()
        assert terminal.viewers
        peer.leave()
        await until(lambda: not terminal.viewers)


async def test_keys_of_a_client_that_has_left_reach_a_program_that_reads_late(daemon):
    terminal, slave = await opened(daemon)
    async with connected(daemon) as peer:
        await peer.say(ATTACH)
        await peer.hear(replies.Attached)
        while terminal.pty.has_room:
            await peer.type(b"x" * 60_000)
        await peer.say(requests.Input(b"the last"))
        peer.leave()
        await until(lambda: not terminal.viewers)
    typed = b""
    with trio.fail_after(20):
        while not typed.endswith(b"the last"):
            await trio.lowlevel.wait_readable(slave)
            typed = typed[-10:] + os.read(slave, 65_536)


async def test_what_those_type_who_come_and_go_while_a_program_does_not_read_is_bounded(daemon):
    terminal, _ = await opened(daemon)
    for _ in range(60):
        async with connected(daemon) as peer:
            await peer.say(ATTACH)
            await peer.hear(replies.Attached)
            await peer.type(b"x" * 150_000)
            peer.leave()
            await until(lambda: not terminal.viewers)
    assert len(terminal.pty._waiting) <= MAX_LEFT_BYTES + 150_000


class Sleeping:
    """Has a terminal's screen be known only when the test says so, as after a start of the daemon."""

    def __init__(self, daemon, terminal):
        self.known = trio.Event()
        owner = screen_owner(level=lambda: terminal.recent.end, size=lambda: terminal.size)
        terminal.shown = Shown("work", None, self._build, owner, daemon.services.nursery)

    async def _build(self, _level):
        await self.known.wait()
        return Fold(80, 24)


async def test_who_leaves_while_the_screen_is_built_changes_nothing(daemon):
    terminal, _ = await opened(daemon)
    sleeping = Sleeping(daemon, terminal)
    watcher = Watcher()
    terminal.join(watcher)
    async with connected(daemon) as peer:
        await peer.say(ATTACH._replace(others=Others.DETACH, cols=100, rows=30))
        await trio.testing.wait_all_tasks_blocked()
        peer.leave()
        sleeping.known.set()
        await until(lambda: not daemon.sessions)
    assert watcher.said == []
    assert terminal.size == (80, 24)
    assert terminal.viewers == [watcher]
    assert next(terminal._numbers) == 1  # nobody was numbered but the watcher


async def test_who_waits_while_the_screen_is_built_is_attached(daemon):
    terminal, _ = await opened(daemon)
    sleeping = Sleeping(daemon, terminal)
    async with connected(daemon) as peer:
        await peer.say(ATTACH._replace(cols=100, rows=30))
        await trio.testing.wait_all_tasks_blocked()
        sleeping.known.set()
        await peer.hear(replies.Attached)
        assert terminal.size == (100, 30)


async def test_a_terminal_type_is_kept_short_and_without_control_characters(daemon):
    await opened(daemon)
    async with connected(daemon) as peer:
        await peer.say(ATTACH._replace(term="\x1b[31mx\u202eterm\n" + "x" * 400_000))
        await peer.say(requests.AskClients("work"))
        [[*_, term, _]] = (await peer.hear(replies.Clients)).rows
    assert term.startswith("[31mxtermxxx")
    assert len(term) <= 64


async def test_what_cannot_be_sent_is_refused_in_a_sentence(daemon):
    class Endless(Watcher):
        def row(self):
            return ["x" * 2_000_000]

    terminal, _ = await opened(daemon)
    terminal.join(Endless())
    async with connected(daemon) as peer:
        await peer.say(requests.AskClients("work"))
        assert "longer than the 1024 KiB" in (await peer.hear(replies.Refused)).what
        await peer.say(requests.AskStatus())
        await peer.hear(replies.Status)


async def test_a_refusal_that_quotes_something_long_is_short(daemon):
    async with connected(daemon) as peer:
        await peer.say(requests.Kill("\x01" * 300_000, 0))
        assert len((await peer.hear(replies.Refused)).what) <= 4096


async def ended(daemon):
    """A terminal whose end is stored, and an Attach that names it by its id."""
    terminal, _ = await opened(daemon)
    terminal.output(0, b"last words")
    daemon.terminals.ended(terminal.stream, How.EXITED, 3, terminal.recorder.offset)
    with trio.fail_after(20):
        await daemon.terminals.all_concluded()
    return terminal, ATTACH._replace(target=terminal.channel.hex(), history_bytes=1000)


async def test_who_comes_back_to_a_terminal_that_has_ended_is_shown_its_end(daemon):
    _, attach = await ended(daemon)
    async with connected(daemon) as peer:
        await peer.say(attach)
        await peer.hear(replies.Attached)
        assert await peer.hear(replies.History) == replies.History(b"last words")
        assert await peer.hear(replies.Ended) == replies.Ended(How.EXITED, 3)


async def test_an_ended_terminal_whose_record_is_deleted_meanwhile_is_refused(daemon):
    terminal, attach = await ended(daemon)
    is_written = threading.Event()
    daemon.services.storage.run_aside(is_written.wait)
    async with connected(daemon) as peer:
        await peer.say(attach)
        await trio.testing.wait_all_tasks_blocked()
        del daemon.terminals.abouts[terminal.channel]
        is_written.set()
        assert (await peer.hear(replies.Refused)).reason == Reason.NO_SUCH_TERMINAL
        await peer.say(requests.AskStatus())
        await peer.hear(replies.Status)


@pytest.mark.parametrize("in_its_place", [lambda _: None, Path.touch, lambda path: path.symlink_to(path)])
async def test_an_ended_terminal_whose_files_are_gone_has_no_last_output(daemon, in_its_place):
    terminal, attach = await ended(daemon)
    directory = Path(channel_directory(daemon.home.archive, terminal.channel))
    shutil.rmtree(directory)
    in_its_place(directory)
    async with connected(daemon) as peer:
        await peer.say(attach)
        assert await peer.hear(replies.History) == replies.History(b"")
        assert await peer.hear(replies.Ended) == replies.Ended(How.EXITED, 3)
