"""The host's echo beside guests that are no help: quiet, then each of them, in one run.

    python -m tests.beside_guests

Prints p50 and p99 of the milliseconds from some keys to their echo, through an attached client, while what echoes them
is shared with: nobody; a guest whose network is dead (its daemon stopped); one that reads next to nothing; 500 that
read well. Relay and guests have what the host leaves of the processors: they would be on machines of their own.
"""

# ruff: noqa: T201 - what it has to say is a table on standard output

import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from cctm.protocol.link import decode_link_untrusted
from fault_parts import Relay, use_relay
from guests import LightGuest
from machine import Machine, Screen

KEYS = int(os.environ.get("BESIDE_KEYS", "1000"))
GUESTS = int(os.environ.get("BESIDE_GUESTS", "500"))
PAUSE_S = (0.002, 0.020)
# On the first row: notices lie over the last then.
ECHO = "import os, tty; tty.setraw(0)\nwhile True: os.write(1, b'\\x1b[H' + os.read(0, 99))"


def echo_ms(screen: Screen) -> list[float]:
    """Of *KEYS* words of eight keys, each alone on its way."""
    chance = random.Random()
    taken = []
    while screen.read(0.2) and len(screen.received) < 0:
        continue
    for number in range(KEYS):
        time.sleep(chance.uniform(*PAUSE_S))
        # What is drawn again, because a notice came or went, holds older ones only. Beside a notice only cells that
        # change are drawn: each does.
        word = bytes(chance.choices((b"abcdefghijklm", b"nopqrstuvwxyz")[number % 2], k=8))
        began = time.perf_counter()
        screen.type(word)
        screen.expect(word)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


def say(what: str, taken: list[float]) -> None:
    taken = sorted(taken)
    p99 = taken[int(0.99 * len(taken))]
    print(
        f"{what:44}  p50 {statistics.median(taken):7.2f} ms  p99 {p99:7.2f} ms  max {taken[-1]:7.2f} ms",
        flush=True,
    )


def step_aside(pid: int) -> None:
    """Have *pid* run when nothing else wants to."""
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def stopped_guest(place: Path, link: str) -> Iterator[None]:
    """A guest whose daemon is stopped behind an open connection."""
    (place / "dead").mkdir()
    with Machine(place / "dead", traced=False) as guest:
        guest.run("join", "-d", link)
        pid = guest.daemon_pid
        with guest.open("attach", "work") as screen:
            screen.read(2)
            os.kill(pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(pid, signal.SIGCONT)


@contextmanager
def in_process(link: str, count: int, *, slow: bool) -> Iterator[None]:
    """*count* guests in a process of their own, all in."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_be_guests, args=(link, count, slow, ready), daemon=True)
    process.start()
    assert process.pid is not None
    step_aside(process.pid)
    ready.wait(300)
    try:
        yield
    finally:
        process.kill()
        process.join()


def _be_guests(link: str, count: int, slow: bool, ready: object) -> None:
    trio.run(_guests, link, count, slow, ready)


async def _guests(link: str, count: int, slow: bool, ready: object) -> None:
    guests = [LightGuest(decode_link_untrusted(link), f"g{n}") for n in range(count)]
    few = trio.CapacityLimiter(20)

    async def enrol(guest: LightGuest) -> None:
        async with few:
            await guest.enrol()

    async with trio.open_nursery() as nursery:
        for guest in guests:
            nursery.start_soon(enrol, guest)
    async with trio.open_nursery() as nursery:
        for guest in guests:
            nursery.start_soon(guest.watch, (lambda: 100.0) if slow else (lambda: 0.0))
        await trio.sleep(5)
        ready.set()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cctm-beside-") as name:
        place = Path(name)
        with (
            Relay(place, "127.0.0.1", (), "--connections-per-address", "2000") as relay,
            Machine(place, traced=False) as host,
        ):
            step_aside(relay.pid)
            use_relay(host, relay.address)
            with host.open("new", "-n", "work", "--", sys.executable, "-c", ECHO) as screen:
                screen.read(3)
                say("not shared", echo_ms(screen))
                link = host.run("share", "work").stdout.decode().strip()
                say("shared, nobody there: the quiet value", echo_ms(screen))
                with stopped_guest(place, link):
                    say("one guest whose daemon is stopped", echo_ms(screen))
                with in_process(link, 1, slow=True):
                    say("one guest that reads next to nothing", echo_ms(screen))
                with in_process(link, GUESTS, slow=False):
                    say(f"{GUESTS} guests that read", echo_ms(screen))
                say("the quiet value again", echo_ms(screen))


if __name__ == "__main__":
    main()
