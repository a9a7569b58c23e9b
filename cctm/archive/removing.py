"""Finishing removals that a crash interrupted (SPEC.md §6.4).

    rename to .removed ─► sync of the archive ─► catalogue row ─► unlink
                       └─ a crash from here on leaves `.removed`, and maybe the row

Invariants: the row goes before the last file does, so that a removal is always found again; nothing is
followed.
"""

import os

from cctm.protocol.keys import ChannelId

from .catalogue import Catalogue
from .disk import Disk
from .files import REMOVED_SUFFIX, removed_channels


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
        if not os.path.lexists(directory):  # otherwise it was begun again since
            catalogue.forget(channel)
        try:
            disk.remove_tree(directory + REMOVED_SUFFIX)
        except OSError as error:
            failed[channel] = error
    return failed
