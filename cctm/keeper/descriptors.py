"""Which descriptors are open, and closing all but a few.

Closing the whole range of numbers is one system call where the kernel has close_range(2). Where it has not, or
a sandbox forbids it, it is a call for each of two thousand million numbers. So the end of the range is what is
open, and only if nobody can say that, the limit.

**Invariants**

- Fit for the child between fork and exec: no locks, no imports, and nothing is raised.
"""

import os
import resource
from collections.abc import Collection
from typing import Final

FIRST: Final = 3  # behind the standard ones
_LISTINGS: Final = ("/proc/self/fd", "/dev/fd")
_DENSE: Final = 65536  # a range of so many numbers costs a few milliseconds even one by one


def close_all_but(kept: Collection[int], listings: Collection[str] = _LISTINGS, dense: int = _DENSE) -> None:
    """Close every descriptor from `FIRST` on that is not in *kept*."""
    found = _listed(listings)
    end = _limit() if found is None else max(found, default=0) + 1
    if found is not None and end > dense:
        for descriptor in found:
            if descriptor >= FIRST and descriptor not in kept:
                os.closerange(descriptor, descriptor + 1)  # which does not mind that the listing's is gone
        return
    start = FIRST
    for descriptor in sorted(it for it in kept if FIRST <= it < end):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, end)


def _listed(listings: Collection[str]) -> list[int] | None:
    """The open descriptors, and one that is closed again; None: nothing lists them."""
    for path in listings:
        try:
            return [int(name) for name in os.listdir(path)]
        except (OSError, ValueError):
            continue
    return None


def _limit() -> int:
    """No number of a descriptor reaches it, unless the limit was lowered later."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**20 if hard == resource.RLIM_INFINITY else hard
