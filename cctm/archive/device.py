"""The device key's file (SPEC.md §2.1).

    device.key = "cctm-device-0 " ‖ 64 lower-case hex digits ‖ "\\n"        mode 0600

**Invariants**

- Whatever is found is never replaced: who loses the seed loses every terminal of this device. None is made beside
  what another one sealed.
- Two processes that create it at once end up with one seed: `link` fails for the second.
- What others can read or write is refused: it may be known, or somebody else's.
"""

import contextlib
import errno
import os
import re
import stat
from typing import Final

from cctm.home import Home, HomeError
from cctm.protocol.errors import MalformedError
from cctm.protocol.keys import SEED_BYTES, DeviceKeys

from .files import list_channels

_LINE: Final = re.compile(rb"cctm-device-0 ([0-9a-f]{64})\n")
_FILE_BYTES: Final = 79
_ADVICE_RESTORE: Final = "Restore it from a backup; without it this device's terminals cannot be read."


def encode_device_file(seed: bytes) -> bytes:
    return f"cctm-device-0 {seed.hex()}\n".encode("ascii")


def decode_device_file_untrusted(data: bytes) -> bytes:
    """The seed in *data*.

    Raises:
        MalformedError: it is no device file.
    """
    match = _LINE.fullmatch(data)
    if match is None:
        raise MalformedError("device file")
    return bytes.fromhex(match[1].decode("ascii"))


class NothingRecordedError(HomeError):
    """There is no device key yet, and nothing that would need it."""

    def __init__(self) -> None:
        super().__init__("Nothing is recorded here yet.", "Open a terminal with `cctm`.")


def load_device(home: Home) -> DeviceKeys:
    """The keys of this device.

    Raises:
        NothingRecordedError: none were made yet.
        HomeError: they are gone, others can read or write them, or the file is not one of ours.
    """
    keys = _load(home.device_key)
    if keys is None and not _holds_records(home):
        raise NothingRecordedError
    if keys is None:
        raise HomeError(f"There is no device key at {home.device_key}.", _ADVICE_RESTORE)
    return keys


def load_or_create_device(home: Home) -> DeviceKeys:
    """The keys of this device, made now if there are none. *home* is prepared.

    Raises:
        HomeError: as `load_device`, or the file cannot be made, or there is an archive or a catalogue already,
        which a new key would not open.
    """
    keys = _load(home.device_key)
    if keys is not None:
        return keys
    if _holds_records(home):
        keys = _load(home.device_key)  # whoever was faster made it before anything else
        if keys is not None:
            return keys
        raise HomeError(
            f"The device key {home.device_key} is missing, though there are terminals in {home.root}.",
            _ADVICE_RESTORE,
        )
    try:
        _create(home.device_key, os.urandom(SEED_BYTES))
    except OSError as error:
        raise HomeError(
            f"The device key {home.device_key} cannot be made: {error.strerror}.",
            "Set CCTM_HOME to a directory that you may write to, with room and hard links.",
        ) from error
    return load_device(home)


def _holds_records(home: Home) -> bool:
    try:
        has_catalogue = os.path.exists(home.catalogue) and os.path.getsize(home.catalogue) > 0
        return has_catalogue or bool(list_channels(home.archive))
    except OSError as error:
        raise HomeError(
            f"{home.archive} cannot be read: {error.strerror}.", "Look at its owner and mode."
        ) from error


def _load(path: str) -> DeviceKeys | None:
    try:
        # Without O_NONBLOCK a FIFO of that name would be waited for.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{path} cannot be read: {error.strerror}.", "Look at its owner and mode.") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise HomeError(f"{path} is not a file.", _ADVICE_RESTORE)
        if found.st_uid != os.geteuid():
            raise HomeError(f"{path} belongs to another user (uid {found.st_uid}).", _ADVICE_RESTORE)
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise HomeError(
                f"Other users can read or write {path}.",
                "If nobody did, make it private (chmod 600) and try again.",
            )
        data = os.read(fd, _FILE_BYTES + 1)
    finally:
        os.close(fd)
    try:
        return DeviceKeys.from_seed(decode_device_file_untrusted(data))
    except MalformedError as error:
        raise HomeError(f"{path} is not a device key.", _ADVICE_RESTORE) from error


def _create(path: str, seed: bytes) -> None:
    """Have a device file at *path*, with *seed* unless somebody was faster."""
    draft = f"{path}.{os.urandom(8).hex()}"
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            data = encode_device_file(seed)
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(fd)
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.close(fd)
            os.unlink(draft)
        os.fsync(directory)
    finally:
        os.close(directory)
