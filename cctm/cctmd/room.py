"""Watches the free space, and quotas (SPEC.md §6.5): recording waits rather than loses."""

import os
from typing import Final

import trio

from cctm.archive.room import Quota, RoomRule
from cctm.cctmd.terminal import Held
from cctm.cctmd.terminals import Terminals

INTERVAL_S: Final = 1.0
