"""Networks that fail: namespaces of this machine, and roads between them that are slow, lose packets, and are cut.

    with Roads(2) as roads:                    # from the relay's namespace, each to another
        roads[0].is_bad(delay_s=0.15, loss=0.05)
        subprocess.run([*roads[0].far, "ping", roads[0].near_address])
        with roads[0].cut(): ...

    namespace of the relay             here                namespace of a place
    interface r0, 10.77.0.1/24 ─ TUN ─ Road, a thread ─ TUN ─ interface p0, 10.77.0.2/24

As `tc netem` does it, for kernels without that: each packet waits for so long in each direction, in order, or is lost.
Needs root and /dev/net/tun.
"""

import contextlib
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator

import pytest

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PACKET_BYTES = 65_536
_QUEUED_PACKETS = 1_000


def skip_without_roads() -> None:
    if os.geteuid() != 0 or not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("needs root and /dev/net/tun")


class Road:
    """Two interfaces, and what happens to packets between them."""

    def __init__(self, number: int, prefix: str) -> None:
        self.near, self.far = _inside(f"{prefix}relay"), _inside(f"{prefix}{number}")
        self.near_address = f"10.77.{number}.1"
        self._delay_s, self._loss = 0.0, 0.0
        self._is_cut = False
        self._chance = random.Random(number)
        self._fds = (
            _interface(f"{prefix}r{number}", f"{prefix}relay", f"{self.near_address}/24"),
            _interface(f"{prefix}p{number}", f"{prefix}{number}", f"10.77.{number}.2/24"),
        )
        _ip("-n", f"{prefix}{number}", "route", "add", "default", "dev", f"{prefix}p{number}")
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def is_bad(self, *, delay_s: float, loss: float) -> None:
        """From now on each packet takes *delay_s*, and *loss* of them never arrive, in either direction."""
        self._delay_s, self._loss = delay_s, loss

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Inside, nothing arrives, and nobody is told."""
        self._is_cut = True
        try:
            yield
        finally:
            self._is_cut = False

    def close(self) -> None:
        os.write(self._wake[1], b"x")
        self._thread.join()
        for fd in (*self._fds, *self._wake):
            os.close(fd)

    def _carry(self) -> None:
        waiting: tuple[deque[tuple[float, bytes]], ...] = (deque(), deque())
        while True:
            due = [line[0][0] for line in waiting if line]
            pause_s = max(0.0, min(due) - time.monotonic()) if due else None
            ready, _, _ = select.select([*self._fds, self._wake[0]], [], [], pause_s)
            if self._wake[0] in ready:
                return
            for line, fd in zip(waiting, self._fds, strict=True):
                if fd in ready:
                    packet = os.read(fd, _PACKET_BYTES)
                    is_lost = self._is_cut or self._chance.random() < self._loss
                    if not is_lost and len(line) < _QUEUED_PACKETS:
                        line.append((time.monotonic() + self._delay_s, packet))
            now_s = time.monotonic()
            for line, fd in zip(waiting, reversed(self._fds), strict=True):
                while line and line[0][0] <= now_s:
                    with contextlib.suppress(OSError):  # an interface that takes nothing loses it
                        os.write(fd, line.popleft()[1])


class Roads:
    """So many roads from the relay's namespace, each to one of its own."""

    def __init__(self, number: int) -> None:
        self._prefix = f"c{os.getpid()}"
        self._names = [f"{self._prefix}relay", *(f"{self._prefix}{at}" for at in range(number))]
        self._number = number
        self._roads: list[Road] = []

    def __enter__(self) -> list[Road]:
        for name in self._names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        self._roads = [Road(at, self._prefix) for at in range(self._number)]
        return self._roads

    def __exit__(self, *_: object) -> None:
        for road in self._roads:
            road.close()
        for name in self._names:
            _ip("netns", "delete", name)


def _inside(namespace: str) -> tuple[str, ...]:
    return (shutil.which("nsenter") or "nsenter", f"--net=/run/netns/{namespace}", "--")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _interface(name: str, namespace: str, address: str) -> int:
    """An interface in *namespace* whose packets are ours to carry, though we are elsewhere."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    _ip("link", "set", name, "netns", namespace)
    _ip("-n", namespace, "addr", "add", address, "dev", name)
    _ip("-n", namespace, "link", "set", name, "up")
    return fd
