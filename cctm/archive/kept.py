"""Kept: how much of a channel its files are to hold.

own        ├──────────────────────────►   from the first entry on; what is missing is a flaw
followed   open … grant, keyframe ├───►   what a reader needs who begins at a keyframe, perhaps several times
"""

from enum import Enum


class Kept(Enum):
    """What belongs into the files of a channel."""

    ALL = "all"  # it is our own
    FOLLOWED = "followed"  # it is somebody else's: what lies before a keyframe need not have been fetched
