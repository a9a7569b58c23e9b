"""The machine that the figures are of."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cores() -> int:
    """Those that we may use, where the system can say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _file_system(path: Path) -> str:
    """Where fdatasync costs nothing (tmpfs), a recorder's figures say less."""
    try:
        done = subprocess.run(
            ["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def facts(scratch: Path) -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{_cpu()}, {_cores()} cores",
        "memory": f"{memory:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "scratch": f"on {_file_system(scratch)}",
        "load at start": f"{os.getloadavg()[0]:.2f}",
    }


@dataclass(frozen=True, slots=True)
class Ticks:
    """Processor time of the whole machine so far: what it wanted, and what its host gave to others."""

    wanted: int
    stolen: int

    @classmethod
    def now(cls) -> Self:
        """Zeros where the system does not count."""
        try:
            line = Path("/proc/stat").read_text().splitlines()[0]
        except OSError:
            return cls(0, 0)
        user, nice, system, _idle, _iowait, irq, softirq, stolen = map(int, line.split()[1:9])
        return cls(user + nice + system + irq + softirq + stolen, stolen)

    def stolen_since(self, before: Self) -> str:
        wanted = self.wanted - before.wanted
        return f"{100 * (self.stolen - before.stolen) / wanted:.1f} %" if wanted else "not known"
