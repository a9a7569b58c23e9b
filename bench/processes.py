"""Processes that the bench started, found and weighed by way of /proc.

A server leaves its starter's process tree, so it is known by what only the bench's own carry: a scratch
directory, made for this run, as the HOME that they were started with. Without /proc nothing is found.
"""

import os
import signal
import time
from collections.abc import Callable

from bench.errors import BenchError

PROC = "/proc"


def available() -> bool:
    return os.path.exists(f"{PROC}/self/smaps_rollup")


def _read(pid: int, file: str) -> bytes:
    """Empty when the process is gone, or not ours."""
    try:
        with open(f"{PROC}/{pid}/{file}", "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _all() -> list[int]:
    if not os.path.isdir(PROC):
        return []
    return [int(entry) for entry in os.listdir(PROC) if entry.isdigit() and int(entry) != os.getpid()]


def living_in(home: str) -> list[int]:
    """Those started with this HOME."""
    wanted = f"HOME={home}".encode()
    return [pid for pid in _all() if wanted in _read(pid, "environ").split(b"\0")]


def name(pid: int) -> str:
    return _read(pid, "comm").decode(errors="replace").strip()


def end(find: Callable[[], list[int]], grace_s: float) -> None:
    """Wait for what *find* names to be gone; end what is left after *grace_s*."""
    until = time.monotonic() + grace_s
    while (left := find()) and time.monotonic() < until:
        time.sleep(0.02)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def memory_bytes(pid: int) -> tuple[int, int]:
    """RSS, and PSS: pages shared with n others count as 1/n."""
    found = {}
    for line in _read(pid, "smaps_rollup").splitlines():
        words = line.split()
        if words[0] in {b"Rss:", b"Pss:"}:
            found[words[0]] = int(words[1]) * 1024
    if len(found) != 2:
        raise BenchError(f"no memory figures of process {pid}")
    return found[b"Rss:"], found[b"Pss:"]


def cpu_ns(pid: int) -> int:
    """Time on a core so far, all threads; finer than the ticks of 10 ms in `stat`, too coarse for idling."""
    total = 0
    try:
        threads = os.listdir(f"{PROC}/{pid}/task")
    except OSError:
        raise BenchError(f"process {pid} is gone") from None
    for thread in threads:
        words = _read(pid, f"task/{thread}/schedstat").split()
        total += int(words[0]) if words else 0
    return total
