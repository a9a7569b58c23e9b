"""Finishing removals that a crash, or a full disk, interrupted (SPEC.md §6.4).

    rename to .removed ─► sync of the archive ─► catalogue row ─► unlink
                       │                         └─ no room for that: unlink, row, and the directory last
                       └─ a crash from here on leaves `.removed`, and maybe the row

Invariants: the row goes before the directory does, so that a removal is always found again; nothing is followed.
"""

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Final

from cctm.protocol.keys import ChannelId

from .catalogue import Catalogue
from .disk import Disk
from .files import REMOVED_SUFFIX, removed_channels

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def has_room_to(forget: Callable[[], None]) -> bool:
    """Call *forget*; False if the disk was too full even for that.

    Raises:
        whatever else *forget* raises.
    """
    try:
        forget()
    except OSError as error:
        if error.errno in _NO_ROOM:
            return False
        raise
    return True


def finish_removals(archive: str, catalogue: Catalogue, disk: Disk | None = None) -> dict[ChannelId, OSError]:
    """Finish every removal of which there are files. Call it before anything is stored.

    Returns: what could not be removed this time, and why.

    Raises:
        OSError: the archive cannot be read, or the catalogue cannot be written.
        CatalogueDamagedError: it can be rebuilt.
    """
    disk = disk or Disk()
    failed = {}
    for channel in removed_channels(archive):
        directory = os.path.join(archive, channel.hex())
        forget = partial(catalogue.forget, channel)
        is_owed = not os.path.lexists(directory)  # otherwise it was begun again since
        is_owed = is_owed and not has_room_to(forget)
        try:
            if is_owed:
                disk.empty_directory(directory + REMOVED_SUFFIX)
                forget()
            disk.remove_tree(directory + REMOVED_SUFFIX)
        except OSError as error:
            failed[channel] = error
    return failed
