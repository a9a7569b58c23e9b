"""Where everything lives on disk (SPEC.md §6.9).

    $CCTM_HOME, if set               otherwise (XDG; macOS: ~/Library/Application Support/cctm for both)

    $CCTM_HOME/                      ~/.local/share/cctm/      root: what must be kept
      device.key                       the device's seed (SPEC.md §2.1)
      catalogue.sqlite                 what can be rebuilt from the archive, but for the writer seeds
      archive/                         the segments (SPEC.md §6)
      daemon.lock                      one daemon writes all this, whatever its state directory is
      relay.json relay.port            the relay that is used (`cctm relay use`); where the home's own one listens
    $CCTM_HOME/state/                ~/.local/state/cctm/      state: what a running daemon and keeper need
      control.sock keeper.sock agent   in /tmp/cctm-<uid>/<hash>/ where this path is too long for a socket
      start.lock keeper.lock daemon.log keeper.log
      relay.sqlite                     what the home's own relay stores: only what the archive has

Invariants: every directory is 0700 and the user's own. XDG_RUNTIME_DIR is never used: it vanishes at log-out,
which terminals outlive, and is unset under cron. `locate` reads nothing but its arguments; `prepare` writes.

Every start of the command imports this module, so it imports little (platformdirs alone costs 25 ms).
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# sun_path holds 108 bytes on Linux and 104 on macOS, with a final zero.
SOCKET_PATH_LIMIT_BYTES: Final = 100
SHORT_SOCKETS_PARENT: Final = "/tmp"  # noqa: S108  its own directory below it is checked for owner, type and mode

_ADVICE_ELSEWHERE: Final = "Set CCTM_HOME to a directory that you may write to."
# What a directory may hold to be taken for ours; a name may go on after these.
_OURS: Final = (
    *("archive", "catalogue.sqlite", "device.key", "state", "config.toml"),
    *("relay.sqlite", "relay.json", "relay.port"),
    *("control.sock", "keeper.sock", "agent", "start.lock", "start.failed", "daemon.lock", "keeper.lock"),
    *("daemon.log", "keeper.log"),
)


class HomeError(Exception):
    """The home cannot be used: *what* happened, and what to do about it (*advice*), a sentence each."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.what = what
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what} {self.advice}"


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one daemon's files. One daemon, one keeper and one device key belong to one home."""

    root: str
    state: str
    sockets: str
    user_home: str = ""  # which the others lie in; it must be there

    @classmethod
    def locate(cls, environ: Mapping[str, str], platform: str = sys.platform) -> "Home":
        """The home that *environ* means. Touches no file.

        Raises:
            HomeError: CCTM_HOME is relative, or neither it nor HOME says where to look.
        """
        own = environ.get("CCTM_HOME", "")
        if own:
            if not own.startswith("/"):
                raise HomeError(f"CCTM_HOME is {own!r}, which is relative.", "Set it to an absolute path.")
            root = own.rstrip("/") or "/"
            return cls._with_sockets(root, os.path.join(root, "state"))
        if platform == "darwin":
            user_home = _user_home(environ)
            root = os.path.join(user_home, "Library", "Application Support", "cctm")
            return cls._with_sockets(root, os.path.join(root, "state"), user_home)
        return cls._with_sockets(
            os.path.join(_xdg(environ, "XDG_DATA_HOME", ".local/share"), "cctm"),
            os.path.join(_xdg(environ, "XDG_STATE_HOME", ".local/state"), "cctm"),
            _user_home(environ) if not _says_all(environ) else "",
        )

    @classmethod
    def _with_sockets(cls, root: str, state: str, user_home: str = "") -> "Home":
        home = cls(root, state, state, user_home)
        longest = max(
            len(os.fsencode(path)) for path in (home.control_socket, home.keeper_socket, home.agent_link)
        )
        if longest <= SOCKET_PATH_LIMIT_BYTES:
            return home
        return cls(root, state, _short_directory(state), user_home)

    @property
    def archive(self) -> str:
        return os.path.join(self.root, "archive")

    @property
    def catalogue(self) -> str:
        return os.path.join(self.root, "catalogue.sqlite")

    @property
    def device_key(self) -> str:
        return os.path.join(self.root, "device.key")

    @property
    def relay_choice(self) -> str:
        """Which relay terminals are shared through (`relay_choice`)."""
        return os.path.join(self.root, "relay.json")

    @property
    def relay_port(self) -> str:
        """Where this home's own relay listens: links name it."""
        return os.path.join(self.root, "relay.port")

    @property
    def own_relay(self) -> str:
        """What this home's own relay stores."""
        return os.path.join(self.state, "relay.sqlite")

    @property
    def control_socket(self) -> str:
        return os.path.join(self.sockets, "control.sock")

    @property
    def keeper_socket(self) -> str:
        return os.path.join(self.sockets, "keeper.sock")

    @property
    def agent_link(self) -> str:
        """A symbolic link to the SSH agent's socket of whoever attached last; programs connect through it."""
        return os.path.join(self.sockets, "agent")

    @property
    def daemon_log(self) -> str:
        return os.path.join(self.state, "daemon.log")

    @property
    def start_failure(self) -> str:
        """Why the daemon could not start, in two lines, for the command that waits for it."""
        return os.path.join(self.state, "start.failed")

    @property
    def keeper_log(self) -> str:
        return os.path.join(self.state, "keeper.log")

    @property
    def start_lock(self) -> str:
        return os.path.join(self.state, "start.lock")

    @property
    def root_lock(self) -> str:
        """Held by the one daemon that may write beneath `root`, whatever state directory it has."""
        return os.path.join(self.root, "daemon.lock")

    @property
    def daemon_lock(self) -> str:
        return self.root_lock

    @property
    def keeper_lock(self) -> str:
        return os.path.join(self.state, "keeper.lock")

    def prepare(self) -> None:
        """Make the directories, each 0700. May be called again at any time.

        Raises:
            HomeError: the user's home directory does not exist; or a place is not a directory, not the user's own,
                open to others, not writable, or full.
        """
        if self.user_home and not os.path.isdir(self.user_home):
            raise HomeError(f"The home directory {self.user_home} does not exist.", _ADVICE_ELSEWHERE)
        _make_private(self.root)
        _make_private(self.archive)
        _make_private(self.state)
        if self.sockets != self.state:
            # Anybody may make names in /tmp: nothing found there is followed or repaired.
            _make_in_shared(os.path.dirname(self.sockets))
            _make_in_shared(self.sockets)


def _user_home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise HomeError("HOME is not set.", "Set HOME, or CCTM_HOME, to an absolute path.")
    return home


def _xdg(environ: Mapping[str, str], name: str, default: str) -> str:
    # The XDG specification: a relative path in these variables is invalid and to be ignored.
    value = environ.get(name, "")
    return value if value.startswith("/") else os.path.join(_user_home(environ), default)


def _says_all(environ: Mapping[str, str]) -> bool:
    return all(environ.get(name, "").startswith("/") for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"))


def _short_directory(state: str) -> str:
    import hashlib  # seldom needed here, and a tenth of what `cctm ls` may take

    name = hashlib.blake2b(os.fsencode(state), digest_size=8, person=b"cctm sockets").hexdigest()
    return os.path.join(SHORT_SOCKETS_PARENT, f"cctm-{os.geteuid()}", name)


def _make_private(path: str) -> None:
    """Make the directory *path*, or check the one that is there.

    One of the user's own that others may enter is made private, if nothing is in it but what we make:
    CCTM_HOME=/srv must not close /srv to everybody.
    """
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.stat(path)
        _refuse_foreign(path, found)
        if stat.S_IMODE(found.st_mode) & 0o077:
            if not all(_is_ours(name) for name in os.listdir(path)):
                raise HomeError(
                    f"{path} holds other files, and other users may enter it.",
                    "Make it private (chmod 700), or set CCTM_HOME to a directory of its own.",
                )
            os.chmod(path, 0o700)
    except OSError as error:
        raise _in_words(path, error) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise HomeError(f"{path} cannot be written to.", _ADVICE_ELSEWHERE)


def _is_ours(name: str) -> bool:
    is_channel = len(name.partition(".")[0]) == 64 and set(name[:64]) <= set("0123456789abcdef")
    return is_channel or name.startswith(_OURS)


def _make_in_shared(path: str) -> None:
    """Make the directory *path* below one that everybody may write to, or check the one that is there."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, mode=0o700)
        found = os.lstat(path)
    except OSError as error:
        raise _in_words(path, error) from error
    if not stat.S_ISDIR(found.st_mode):
        raise HomeError(f"{path} is not a directory.", "Remove it, or set CCTM_HOME to a shorter path.")
    _refuse_foreign(path, found)
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeError(f"{path} is open to other users.", "Remove it, or set CCTM_HOME to a shorter path.")


def _refuse_foreign(path: str, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise HomeError(
            f"{path} belongs to another user (uid {found.st_uid}).",
            "Set CCTM_HOME to a directory of your own, or give that one back with chown.",
        )


def _in_words(path: str, error: OSError) -> HomeError:
    match error.errno:
        case errno.EROFS:
            return HomeError(f"{path} is on a read-only file system.", _ADVICE_ELSEWHERE)
        case errno.EACCES | errno.EPERM:
            return HomeError(f"{path} cannot be made or entered: permission denied.", _ADVICE_ELSEWHERE)
        case errno.ENOSPC | errno.EDQUOT:
            return HomeError(f"{path} cannot be made: the disk is full.", "Free some space and try again.")
        case errno.ENOTDIR | errno.EEXIST:
            return HomeError(
                f"{path}, or a part of that path, is not a directory.",
                "Move that file away, or set CCTM_HOME to another directory.",
            )
        case _:
            return HomeError(f"{path} cannot be used: {error.strerror}.", _ADVICE_ELSEWHERE)
