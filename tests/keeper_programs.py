"""Programs that a keeper runs in tests, and what the system says of a process."""

import sys
from pathlib import Path

from cctm.keeper import wire

PYTHON = sys.executable
# Writes as much as it is told in a second argument, each 8 bytes naming their own place.
COUNTER = """
import os, sys
count = int(sys.argv[1]) // 8
at = 0
while at < count:
    block = b"".join(b"%07d\\n" % (i % 10000000) for i in range(at, min(at + 8192, count)))
    at += 8192
    while block:
        block = block[os.write(1, block):]
"""


def counted(size):
    """What COUNTER writes."""
    return b"".join(b"%07d\n" % (i % 10000000) for i in range(size // 8))


FAKE_DAEMON = """
import os, socket, sys, time
sys.path[:0] = {path!r}
from cctm.keeper import wire
s = socket.socket(socket.AF_UNIX)
if {connects}:
    s.connect({socket!r})
    s.sendall(wire.encode(wire.Hello(wire.VERSION, os.getpid())))
    s.recv(65536)
with open({journal!r}, "a") as journal:
    journal.write(f"{{os.getpid()}} {{time.monotonic()}} {{os.getcwd()}}\\n")
while {connects} and s.recv(65536):
    pass
print("the fake daemon ends", flush=True)
sys.exit(7)
"""


class FakeDaemon:
    """A daemon that notes each of its starts."""

    def __init__(self, directory, *, connects):
        self.journal = directory / "journal"
        self.journal.touch()
        self.script = directory / "fake.py"
        root = str(Path(wire.__file__).parents[2])
        self.script.write_text(
            FAKE_DAEMON.format(
                path=[root],
                journal=str(self.journal),
                connects=connects,
                socket=str(directory / "keeper.sock"),
            )
        )
        self.command = [PYTHON, "-P", str(self.script)]

    @property
    def starts(self):
        return [line.split() for line in self.journal.read_text().splitlines()]


def resident_kib(pid):
    """The memory of the process that is not swapped out."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(it.split()[1]) for it in lines if it.startswith("VmRSS"))
