"""Which relay this home's terminals are shared through: what `cctm relay use` wrote, for the daemon and the CLI.

    <home>/relay.json     {"url": "https://relay.example", "invite": "…" or null}     0600

Without the file there is none: the daemon starts a relay of its own (`cctmd.links.own_relay`).

Invariants: the file is replaced whole; whoever reads it meanwhile has the one before. The invite is in no `repr`.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field

from cctm.home import Home, HomeError
from cctm.protocol.errors import MalformedError
from cctm.protocol.origin import Origin, decode_origin_untrusted

_ADVICE = "Choose one anew: `cctm relay use URL`."


@dataclass(frozen=True, slots=True)
class RelayChoice:
    """A relay, and what it wants to see of who shares a terminal through it for the first time."""

    origin: Origin
    invite: bytes | None = field(default=None, repr=False)


def load_choice(home: Home) -> RelayChoice | None:
    """The relay that was chosen; None: none was.

    Raises:
        HomeError: what was written cannot be read.
    """
    try:
        with open(home.relay_choice, encoding="utf-8") as file:
            fields = json.load(file)
        invite = fields["invite"]
        return RelayChoice(
            decode_origin_untrusted(fields["url"]), None if invite is None else invite.encode()
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{home.relay_choice} cannot be read: {error.strerror}.", _ADVICE) from error
    except (ValueError, KeyError, TypeError, AttributeError, MalformedError):
        raise HomeError(f"{home.relay_choice} does not say which relay to use.", _ADVICE) from None


def save_choice(home: Home, choice: RelayChoice) -> None:
    """Use *choice* from now on.

    Raises:
        HomeError: it cannot be written.
    """
    invite = None if choice.invite is None else choice.invite.decode()
    draft = f"{home.relay_choice}.new"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump({"url": str(choice.origin), "invite": invite}, file)
            file.flush()
            os.fsync(fd)
        os.replace(draft, home.relay_choice)
    except OSError as error:
        raise _not_written(home, error) from error


def forget_choice(home: Home) -> None:
    """Use none.

    Raises:
        HomeError: that cannot be written.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(home.relay_choice)
    except OSError as error:
        raise _not_written(home, error) from error


def _not_written(home: Home, error: OSError) -> HomeError:
    return HomeError(
        f"{home.relay_choice} cannot be written: {error.strerror}.", "See to that, and try again."
    )
