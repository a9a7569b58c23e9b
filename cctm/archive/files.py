"""Which files a channel has (SPEC.md §6.1). Names only; nothing is opened.

Invariants: what we would not have named is not read, but shown as a stranger. Order is that of reading:
(generation, log id, segment).
"""

import os
import re
from dataclasses import dataclass
from typing import Final

from cctm.protocol.keys import ChannelId

from .segment import LogRef, SegmentName

# A directory with this ending is on its way out; whoever finds one may finish the removal.
REMOVED_SUFFIX: Final = ".removed"
# A segment with this ending is being written as a whole.
PART_SUFFIX: Final = ".part"

_CHANNEL: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogFiles:
    """A log and the numbers of its segments, ascending."""

    ref: LogRef
    segments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChannelFiles:
    """A channel's logs in the order of reading, and the names that are none of ours."""

    channel: ChannelId
    logs: tuple[LogFiles, ...]
    strangers: tuple[str, ...]


def channel_directory(archive: str, channel: ChannelId) -> str:
    return os.path.join(archive, channel.hex())


def segment_path(archive: str, ref: LogRef, number: int) -> str:
    name = SegmentName(ref.generation, ref.log, number)
    return os.path.join(channel_directory(archive, ref.channel), str(name))


def list_channels(archive: str) -> list[ChannelId]:
    """All channels of which there are files, by id. What has a channel's name and is no directory is none.

    Raises:
        OSError: the directory cannot be read; none is like an empty one.
    """
    try:
        with os.scandir(archive) as found:
            names = sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    return [ChannelId(bytes.fromhex(name)) for name in names if _CHANNEL.fullmatch(name)]


def removed_channels(archive: str) -> list[ChannelId]:
    """All channels whose removal was begun and not finished, by id.

    Raises:
        OSError: the directory cannot be read; none is like an empty one.
    """
    try:
        names = sorted(os.listdir(archive))
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(REMOVED_SUFFIX) for name in names if name.endswith(REMOVED_SUFFIX)]
    return [ChannelId(bytes.fromhex(stem)) for stem in stems if _CHANNEL.fullmatch(stem)]


def list_files(archive: str, channel: ChannelId) -> ChannelFiles:
    """
    Raises:
        OSError: the directory cannot be read; none is like an empty one.
    """
    try:
        names = os.listdir(channel_directory(archive, channel))
    except FileNotFoundError:
        names = []
    numbers: dict[LogRef, list[int]] = {}
    strangers = []
    for text in sorted(names):  # the digits are padded: text order is not number order only past their width
        name = SegmentName.parse(text)
        if name is None:
            strangers.append(text)
        else:
            numbers.setdefault(LogRef(channel, name.log, name.generation), []).append(name.number)
    refs = sorted(numbers, key=lambda ref: (ref.generation, ref.log))
    return ChannelFiles(
        channel, tuple(LogFiles(ref, tuple(sorted(numbers[ref]))) for ref in refs), tuple(strangers)
    )
