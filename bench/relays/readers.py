"""Readers: many connections, held by processes of their own.

    bench ──marks──► process ── epoll ── 500 connections
          ◄──clock── when all of them have read a mark

A mark is what only the awaited message contains. A process does nothing with what it reads but look for the mark in
the end of it; it reads each time at least `pause_s` after the last, so that its own wake-ups take little from a server
on the same machine.
"""

import multiprocessing
import resource
import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

from bench.errors import BenchError, LateError
from bench.relays.wire import READ_BYTES, WebSocket

PROCESSES: Final = 2
CONNECTING_S: Final = 300.0
READING_S: Final = 120.0
SLACK_BYTES: Final = 4096  # of the end of what was read, in which a mark is looked for

Dial = Callable[[], WebSocket]


@dataclass(frozen=True, slots=True)
class Seen:
    """When the last connection of a process had read a mark, and the processor time it took since the one before."""

    at_ns: int
    cpu_ns: int


class Readers:
    """*count* connections, made by *dial*. Use as a context manager: leaving it closes them."""

    def __init__(self, dial: Dial, count: int) -> None:
        self._dial = dial
        self._shares = [count * (n + 1) // PROCESSES - count * n // PROCESSES for n in range(PROCESSES)]
        self._processes: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        for share in self._shares:
            ours, theirs = context.Pipe()
            process = context.Process(target=_read, args=(theirs, self._dial, share), daemon=True)
            process.start()
            theirs.close()
            self._processes.append((process, ours))
        try:
            for _, pipe in self._processes:
                self._next(pipe, CONNECTING_S, "connection")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for process, pipe in self._processes:
            pipe.close()
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()

    def watch(self, marks: Sequence[bytes], pause_s: float) -> None:
        """Wait for each of *marks* in turn."""
        for _, pipe in self._processes:
            pipe.send((list(marks), pause_s))
        for _, pipe in self._processes:
            self._next(pipe, READING_S, "reader")

    def seen(self) -> Seen:
        """Wait until all connections have read the next mark."""
        all_seen = [self._next(pipe, READING_S, "message at all readers") for _, pipe in self._processes]
        return Seen(max(one.at_ns for one in all_seen), sum(one.cpu_ns for one in all_seen))

    @staticmethod
    def _next(pipe: Connection, timeout_s: float, what: str) -> Seen:
        if not pipe.poll(timeout_s):
            raise LateError(what, timeout_s)
        try:
            said = pipe.recv()
        except EOFError:
            raise BenchError("a process of readers ended") from None
        if isinstance(said, str):
            raise BenchError(said)
        assert isinstance(said, Seen)
        return said


def _read(pipe: Connection, dial: Dial, count: int) -> None:
    """What a process of readers does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            sockets = [dial() for _ in range(count)]
            pipe.send(Seen(time.perf_counter_ns(), time.process_time_ns()))
            while True:
                marks, pause_s = pipe.recv()
                _watch(pipe, sockets, marks, pause_s)
        except (BenchError, OSError) as error:
            pipe.send(str(error) or repr(error))


def _watch(pipe: Connection, sockets: Sequence[WebSocket], marks: Sequence[bytes], pause_s: float) -> None:
    epoll = select.epoll()
    by_fd = {one.socket.fileno(): one.socket for one in sockets}
    for fd, one in by_fd.items():
        one.settimeout(0)
        epoll.register(fd, select.EPOLLIN)
    pipe.send(Seen(time.perf_counter_ns(), time.process_time_ns()))
    tails = dict.fromkeys(by_fd, b"")
    for mark in marks:
        waiting, before_ns = set(by_fd), time.process_time_ns()
        while waiting:
            if pause_s:
                time.sleep(pause_s)
            for fd, _ in epoll.poll():
                with suppress(BlockingIOError):
                    data = by_fd[fd].recv(READ_BYTES)
                    if not data:
                        raise BenchError("the server closed a reader's connection")
                    window = tails[fd] + data[-SLACK_BYTES:]
                    tails[fd] = window[-len(mark) :]
                    if mark in window:
                        waiting.discard(fd)
        pipe.send(Seen(time.perf_counter_ns(), time.process_time_ns() - before_ns))
    epoll.close()
