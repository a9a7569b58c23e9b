"""A soak: one home shares many terminals with many guests, who join, leave and are cut off at random.

    SOAK_S=600 SOAK_TERMINALS=50 SOAK_GUESTS=200 python -m tests.soak

Prints what daemon and relay take of memory as time goes by, and what their logs say that they should not. Ends with 1
if that is anything.
"""

# ruff: noqa: T201 - what it has to say is a table on standard output

import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import trio

from cctm.cctmd.groups import each
from cctm.cctmd.links.connection import LinkError
from cctm.protocol.link import decode_link_untrusted
from fault_parts import Relay, use_relay
from guests import LightGuest
from machine import Machine

SOAK_S = float(os.environ.get("SOAK_S", "600"))
TERMINALS = int(os.environ.get("SOAK_TERMINALS", "50"))
GUESTS = int(os.environ.get("SOAK_GUESTS", "200"))
SAMPLES = 20
STAY_S = (1.0, 60.0)
AWAY_S = (0.0, 5.0)
BAD = re.compile(r"ERROR|CRITICAL|Traceback|Exception|\"event\": \"error")
CHATTER = "i=0; while sleep 0.5; do i=$((i+1)); echo line $i; done"


class Counts:
    """What happened."""

    def __init__(self) -> None:
        self.joined = self.left = self.cut = 0
        self.present = 0
        self.ends: Counter[str] = Counter()  # of what no guest wished, and why


async def come_and_go(guest: LightGuest, counts: Counts, chance: random.Random) -> None:
    await trio.sleep(chance.uniform(0, 10))
    is_enrolled = False
    while not is_enrolled:
        try:
            await guest.enrol()
            is_enrolled = True
        except* (LinkError, trio.TooSlowError) as group:
            counts.ends += Counter(f"enrolling: {why(error)}" for error in each(group))
            await trio.sleep(chance.uniform(1, 5))
    while True:
        counts.joined += 1
        counts.present += 1
        try:
            with trio.move_on_after(chance.uniform(*STAY_S)):
                await guest.watch()
        except* LinkError as group:
            counts.ends += Counter(f"watching: {why(error)}" for error in each(group))
        finally:
            counts.present -= 1
        counts.left += 1
        await trio.sleep(chance.uniform(*AWAY_S))


def why(error: BaseException) -> str:
    return error.what if isinstance(error, LinkError) else type(error).__name__


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def soak(host: Machine, relay: Relay) -> None:
    links = []
    for number in range(TERMINALS):
        await trio.to_thread.run_sync(
            lambda number=number: host.run("new", "-d", "-n", f"t{number}", "--", "sh", "-c", CHATTER)
        )
        done = await trio.to_thread.run_sync(lambda number=number: host.run("share", f"t{number}"))
        links.append(decode_link_untrusted(done.stdout.decode().strip()))
    chance = random.Random(1)
    counts = Counts()
    daemon = host.daemon_pid
    print(f"{TERMINALS} terminals, {GUESTS} guests, {SOAK_S:.0f} s")
    print("  seconds  guests  joined  unwished  daemon MiB  relay MiB  daemon CPU s  relay CPU s")
    began = time.monotonic()
    async with trio.open_nursery() as nursery:
        for number in range(GUESTS):
            guest = LightGuest(links[number % TERMINALS], f"guest {number}")
            nursery.start_soon(come_and_go, guest, counts, random.Random(number))
        nursery.start_soon(cut_at_times, relay, chance, counts)
        for _ in range(SAMPLES):
            await trio.sleep(SOAK_S / SAMPLES)
            print(
                f"{time.monotonic() - began:9.0f}  {counts.present:6}  {counts.joined:6}  {counts.ends.total():8}"
                f"  {resident_mib(daemon):10.1f}  {resident_mib(relay.pid):9.1f}"
                f"  {cpu_s(daemon):12.1f}  {cpu_s(relay.pid):11.1f}",
                flush=True,
            )
        nursery.cancel_scope.cancel()
    for reason, times in counts.ends.most_common():
        print(f"{times:9} × {reason}")


async def cut_at_times(relay: Relay, chance: random.Random, counts: Counts) -> None:
    """Stop the relay for a moment: all wait, and go on."""
    while True:
        await trio.sleep(chance.uniform(20, 60))
        os.kill(relay.pid, signal.SIGSTOP)
        counts.cut += 1
        try:
            await trio.sleep(chance.uniform(0.5, 4))
        finally:
            os.kill(relay.pid, signal.SIGCONT)


def complaints(*paths: Path) -> list[str]:
    return [
        f"{path.name}: {line}" for path in paths for line in path.read_text().splitlines() if BAD.search(line)
    ]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="cctm-soak-") as name:
        place = Path(name)
        with (
            Relay(place, "127.0.0.1", (), "--connections-per-address", "2000") as relay,
            Machine(place, traced=False) as host,
        ):
            use_relay(host, relay.address)
            trio.run(soak, host, relay)
            found = complaints(host.home / "state" / "daemon.log", relay.journal)
    print("errors in the logs:", len(found))
    for line in found[:20]:
        print("  ", line[:200])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
