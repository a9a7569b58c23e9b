"""Room: when recording must wait, who takes how much, and what may go (SPEC.md §6.5).

Decisions are functions of numbers; only `free_space` asks the file system.

Invariants: nothing is removed but what `select_prunable` named, and that never names a running terminal.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cctm.home import HomeError
from cctm.protocol.keys import ChannelId

GIB: Final = 1 << 30
LEAST_FREE_BYTES: Final = 2 * GIB
LEAST_FREE_PERCENT: Final = 5
QUOTA_BYTES: Final = 10 * GIB


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system has, and what of it this user may still take."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """*min_free_bytes* None: what `Limits.least_free_bytes` says of the file system at hand."""

    min_free_bytes: int | None = None
    quota_bytes: int = QUOTA_BYTES

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Limits":
        """
        Raises:
            HomeError: CCTM_MIN_FREE or CCTM_QUOTA is no number of bytes.
        """
        quota = _bytes_in(environ, "CCTM_QUOTA")
        return cls(_bytes_in(environ, "CCTM_MIN_FREE"), QUOTA_BYTES if quota is None else quota)

    def least_free_bytes(self, total_bytes: int) -> int:
        """How much must stay free on a file system of *total_bytes*."""
        if self.min_free_bytes is not None:
            return self.min_free_bytes
        return max(LEAST_FREE_BYTES, total_bytes * LEAST_FREE_PERCENT // 100)

    def missing_bytes(self, space: Space) -> int:
        """How much has to be freed before recording may go on; 0: it may."""
        return max(0, self.least_free_bytes(space.total_bytes) - space.free_bytes)

    def is_over_quota(self, bytes_on_disk: int) -> bool:
        """Whether a terminal of that size must wait."""
        return bytes_on_disk >= self.quota_bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A terminal that might go. *ended_us* None: it runs."""

    channel: ChannelId
    bytes_on_disk: int
    ended_us: int | None


def select_prunable(
    candidates: Sequence[Candidate],
    *,
    ended_before_us: int | None = None,
    keep_bytes: int | None = None,
) -> list[Candidate]:
    """Which terminals to remove, the longest ended first.

    Args:
        ended_before_us: all that ended before this moment go.
        keep_bytes: then as many more as it takes for all together, running ones too, to need no more than
        this.
    """
    ended = sorted(
        ((candidate.ended_us, candidate) for candidate in candidates if candidate.ended_us is not None),
        key=lambda pair: (pair[0], pair[1].channel),
    )
    total_bytes = sum(candidate.bytes_on_disk for candidate in candidates)
    chosen = []
    for ended_us, candidate in ended:
        is_old = ended_before_us is not None and ended_us < ended_before_us
        is_too_much = keep_bytes is not None and total_bytes > keep_bytes
        if is_old or is_too_much:
            chosen.append(candidate)
            total_bytes -= candidate.bytes_on_disk
    return chosen


def free_space(path: str) -> Space:
    """What the file system of *path* has.

    Raises:
        OSError: there is no such path.
    """
    found = os.statvfs(path)
    return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def _bytes_in(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise HomeError(
            f"{name} is {text!r}, which is no number of bytes.", "Set it to digits only, or unset it."
        )
    return int(text)
