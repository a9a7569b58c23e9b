"""How one client sees one terminal: raw while it can be, painted otherwise, and always right."""

import socket

import pytest
import trio

from cctm.cctmd import view as view_module
from cctm.cctmd.feed import MAX_QUEUED, Feed
from cctm.cctmd.recent import MAX_HOLES
from cctm.cctmd.stage import Ending
from cctm.cctmd.view import NOTICE_S, View
from cctm.protocol.control.frames import FrameReader
from cctm.protocol.control.replies import Ended, History, Output, Painted, Released, Repaint
from cctm.protocol.control.values import Mode, Rights
from cctm.protocol.events import How
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from daemon_parts import opened, running_daemon


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one, trio.open_nursery() as nursery:
        nursery.start_soon(one.frames.run)
        yield one
        nursery.cancel_scope.cancel()


@pytest.fixture
async def attach(daemon):
    """Makes clients, and closes them."""
    clients = []

    def attach(terminal, **how):
        clients.append(Client(daemon, terminal, **how))
        return clients[-1]

    yield attach
    for client in clients:
        client.close()


class Client:
    """A client's end of the connection, and a terminal on which it shows what it is sent."""

    def __init__(self, daemon, terminal, window=(80, 24), wanted=Mode.AUTO):
        ours, self.socket = self._sockets = socket.socketpair()
        for end in self._sockets:
            end.setblocking(False)
        self._reader = FrameReader()
        self.terminal = terminal
        self.messages = []
        self.shown = Fold(*window)
        self.is_over = False
        nursery = daemon.services.nursery
        feed = Feed(ours)
        self._scope = trio.CancelScope()
        nursery.start_soon(self._send, feed)
        self.view = View(
            feed,
            terminal,
            daemon.frames,
            nursery,
            window=window,
            wanted=wanted,
            rights=Rights.DRIVE,
            term="xterm",
            on_over=self._over,
        )
        terminal.join(self.view)
        self.view.begin(b"")

    async def _send(self, feed):
        with self._scope:
            await feed.run()

    def close(self):
        self._scope.cancel()
        trio.lowlevel.notify_closing(self._sockets[0])
        for end in self._sockets:
            end.close()

    def _over(self):
        self.is_over = True

    def read(self):
        """Take what is there; how many bytes."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return 0
        for message in self._reader.receive_untrusted(data):
            self.messages.append(message)
            if isinstance(message, Repaint):
                self.shown = Fold(*self.view.window)
            elif isinstance(message, Output | Painted | History):
                self.shown.feed(message.data)
        return len(data)

    async def hear(self):
        """Wait for something, and take it."""
        await trio.lowlevel.wait_readable(self.socket)
        self.read()

    @property
    def drawn(self):
        """How many messages drew something."""
        return sum(isinstance(message, Repaint | Painted | Output) for message in self.messages)

    @property
    def modes(self):
        return [message.mode for message in self.messages if isinstance(message, Repaint)]

    @property
    def lines(self):
        return [text_of(row).rstrip(" ·") for row in self.shown.picture().lines]

    async def is_served(self, *modes):
        """Wait until it was told that it is served so, one after the other."""
        with trio.fail_after(10):
            while self.modes != list(modes):
                await self.hear()

    async def sees(self, *lines):
        """Wait until the first rows are *lines*."""
        with trio.fail_after(10):
            while not self.modes or self.lines[: len(lines)] != list(lines):
                await self.hear()


def printed(terminal, data):
    terminal.output(terminal.recorder.offset, data)


async def test_a_client_of_the_terminals_size_gets_the_screen_and_then_the_programs_own_bytes(daemon, attach):
    terminal, _ = await opened(daemon)
    printed(terminal, b"\x1b[31mearlier\r\n")
    client = attach(terminal)
    await client.sees("earlier")
    assert client.modes == [Mode.RAW]
    printed(terminal, b"\x1b[1mnow")
    await client.sees("earlier", "now")
    assert client.messages[-1] == Output(14, b"\x1b[1mnow")
    assert client.shown.picture() == terminal.shown.fold.picture()


async def test_a_client_of_another_size_is_painted_and_raw_as_soon_as_the_sizes_agree(daemon, attach):
    terminal, _ = await opened(daemon)
    printed(terminal, b"one\r\n\x1b[2004htwo")
    client = attach(terminal, window=(100, 30))
    await client.sees("one", "two")
    assert client.modes == [Mode.PAINTED]
    printed(terminal, b" and more")
    await client.sees("one", "two and more")
    assert not any(isinstance(message, Output) for message in client.messages)
    terminal.resize(100, 30)
    await client.is_served(Mode.PAINTED, Mode.RAW)
    await client.sees("one", "two and more")
    assert client.shown.picture() == terminal.shown.fold.picture()


async def test_who_wants_to_be_painted_is(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal, wanted=Mode.PAINTED)
    printed(terminal, b"text")
    await client.sees("text")
    assert client.modes == [Mode.PAINTED]


async def test_a_notice_lies_over_the_screen_for_a_moment_and_leaves_no_trace(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    printed(terminal, b"text")
    await client.sees("text")
    client.view.say("the disk is full")
    with trio.fail_after(NOTICE_S + 5):
        while "the disk is full" not in client.lines[-1]:
            await client.hear()
    await client.is_served(Mode.RAW, Mode.PAINTED, Mode.RAW)
    await client.sees("text")
    assert client.shown.picture() == terminal.shown.fold.picture()


async def test_a_notice_lies_where_nobody_types(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    printed(terminal, b"\x1b[24;1H$")
    client.view.say("the disk is full")
    await client.sees(" the disk is full")
    assert client.lines[-1] == "$"
    printed(terminal, b"\x1b[5;1Hmore")
    await client.sees(" the disk is full", "", "", "", "more")
    printed(terminal, b"\x1b[1;1H#")
    await client.sees("#")
    assert client.lines[-1] == " the disk is full"


async def test_a_client_that_stops_reading_is_painted_with_the_newest_screen_and_raw_again_when_it_is_calm(
    daemon,
    attach,
):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    await client.sees("")
    line = b"a line of a flood\r\n" * 1000
    for _ in range(200):
        printed(terminal, line)
        await trio.lowlevel.checkpoint()
    printed(terminal, b"\x1b[2J\x1b[Hthe end")
    await client.sees("the end")
    sent = sum(len(message.data) for message in client.messages if isinstance(message, Output))
    assert sent < 1_000_000 < terminal.recorder.offset
    await client.is_served(Mode.RAW, Mode.PAINTED, Mode.RAW)
    printed(terminal, b" goes on")
    await client.sees("the end goes on")


@pytest.mark.parametrize("wanted", [Mode.AUTO, Mode.PAINTED])
async def test_a_screen_in_more_parts_than_messages_may_wait_is_drawn(daemon, attach, monkeypatch, wanted):
    monkeypatch.setattr(view_module, "PART_BYTES", 500)
    terminal, _ = await opened(daemon)
    window = (200, 60)
    terminal.resize(*window)
    cells = (f"\x1b[38;2;{n % 256};{n // 256};1mx".encode() for n in range(200 * 60))
    printed(terminal, b"".join(cells))
    client = attach(terminal, window=window, wanted=wanted)
    await client.sees(*["x" * 200] * 60)
    assert sum(isinstance(message, Painted) for message in client.messages) > MAX_QUEUED


async def test_nothing_is_drawn_while_the_client_shows_something_of_its_own(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    await client.sees("")
    client.view.hold()
    drawn = client.drawn
    printed(terminal, b"unseen")
    terminal.resize(90, 20)
    terminal.say("unseen, too")
    await trio.testing.wait_all_tasks_blocked(0.05)
    client.read()
    assert client.drawn == drawn
    client.view.show((90, 20))
    await client.sees("unseen")


@pytest.mark.parametrize("window", [(80, 24), (60, 20)], ids=["raw", "painted"])
async def test_the_end_comes_after_the_last_output(daemon, attach, window):
    terminal, _ = await opened(daemon)
    client = attach(terminal, window=window)
    printed(terminal, b"last words")
    terminal.end(Ending(How.EXITED, 3))
    await client.sees("last words")
    assert client.messages[-1] == Ended(How.EXITED, 3)
    assert client.is_over


async def test_who_is_released_hears_why_and_nothing_more(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    client.view.release("because")
    printed(terminal, b"unseen")
    await trio.testing.wait_all_tasks_blocked(0.05)
    client.read()
    assert client.messages[-1] == Released("because")
    assert terminal.viewers == []


async def test_what_a_program_copies_reaches_the_clients_terminal_and_is_not_shown_again(daemon, attach):
    terminal, _ = await opened(daemon)
    copied = b"\x1b]52;c;aGVsbG8=\x07"
    for window in ((80, 24), (60, 20)):
        client = attach(terminal, window=window)
        client.read()
        printed(terminal, copied)
        await client.sees("")
        with trio.fail_after(5):
            while Painted(copied) not in client.messages:
                await client.hear()
        client.view.leave()
    late = attach(terminal)
    await late.sees("")
    assert not any(b"\x1b]52" in message.data for message in late.messages if isinstance(message, Painted))


async def test_a_lone_escape_at_the_end_of_the_output_reaches_clients_soon(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    await client.sees("")
    printed(terminal, b"x\x1b")
    assert terminal.waits_for_more
    terminal.turn_over()
    assert terminal.waits_for_more
    terminal.turn_over()
    assert not terminal.waits_for_more
    with trio.fail_after(5):
        while client.messages[-1] != Output(1, b"\x1b"):
            await client.hear()


async def test_a_program_that_asks_and_ends_while_a_client_does_not_read_keeps_nobody(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    await client.sees("")
    printed(terminal, b"a line\r\n" * 18_000)
    for _ in range(5000):
        printed(terminal, b"x\x05")
    terminal.end(Ending(How.EXITED, 0))
    assert client.is_over
    await client.sees(*["x" * 80] * 23, "x" * 40)
    with trio.fail_after(5):
        while client.messages[-1] != Ended(How.EXITED, 0):
            client.read()
            await trio.lowlevel.checkpoint()


async def test_endless_numbers_in_a_question_stop_nothing(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    for final in (b"$p", b"t", b"c", b"n"):
        printed(terminal, b"\x1b[?" + b"9" * 5000 + final)
    printed(terminal, b"goes on")
    await client.sees("goes on")
    assert terminal.held == ""


async def test_a_raw_client_sees_what_is_printed_among_more_questions_than_are_remembered(daemon, attach):
    terminal, _ = await opened(daemon)
    client = attach(terminal)
    await client.is_served(Mode.RAW)
    printed(terminal, b"".join(b"%d\x1b[c\r\n" % number for number in range(MAX_HOLES + 1)))
    await client.sees(*[str(number) for number in range(MAX_HOLES - 22, MAX_HOLES + 1)], "")
    assert client.shown.picture() == terminal.shown.fold.picture()


async def test_whoever_attaches_to_one_that_is_behind_is_painted_until_it_is_level(daemon, attach):
    terminal, _ = await opened(daemon)
    terminal.resize(640, 200)
    daemon.terminals.output(terminal.stream, 0, b"\x1bc" * 100 + b"level")
    client = attach(terminal, window=(640, 200))
    assert terminal.shown.is_behind
    await client.is_served(Mode.PAINTED, Mode.RAW)
    await client.sees("level")


async def test_whoever_is_served_raw_is_so_though_the_screen_is_behind(daemon, attach):
    terminal, _ = await opened(daemon)
    terminal.resize(640, 200)
    client = attach(terminal, window=(640, 200))
    daemon.terminals.output(terminal.stream, 0, b"\x1bc" * 100 + b"printed")
    assert terminal.shown.is_behind
    client.view.fit()
    await client.sees("printed")
    await terminal.shown.live()
    assert client.modes == [Mode.RAW]
