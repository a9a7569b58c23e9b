"""Why a connection could not be made, or ended: in sentences, for `cctm shares` and for who joins.

    CctmError
    └── LinkError           a connection could not be made, or was ended by what the other side said
        └── LinkDownError   the network, or the other side, is gone: it may be back at any moment

Invariant: what the other side says of itself loses its control characters, and what is beyond 200 characters of it.
"""

import socket
import ssl
from collections.abc import Iterator
from typing import Final

import trio
from websockets.exceptions import InvalidStatus

from cctm.home import HomeError
from cctm.protocol.errors import CctmError, MalformedError
from cctm.protocol.origin import Origin
from cctm.protocol.sync.messages import Refused
from cctm.protocol.sync.serving import Reason

_MOST_SAID: Final = 200  # characters
_REDIRECTS: Final = range(300, 400)
_TOO_MANY_REQUESTS: Final = 429
_UNAVAILABLE: Final = frozenset({502, 503, 504})


class LinkError(CctmError):
    """What happened, and what to do about it, a sentence each. *reason*: why the relay refused, if it did."""

    def __init__(self, what: str, advice: str, reason: Reason | None = None) -> None:
        super().__init__(what, advice, reason)
        self.what = what
        self.advice = advice
        self.reason = reason


class LinkDownError(LinkError):
    """Nobody is there, or nobody any more."""


def in_words(error: BaseException) -> LinkError:
    """What *error*, met while a connection was made or used, means."""
    if isinstance(error, LinkError):
        return error
    if isinstance(error, HomeError):
        return LinkError(error.what, error.advice)
    what = error.what if isinstance(error, MalformedError) else "an entry that was not signed"
    return LinkError(
        f"The relay does not keep to the protocol: {what}.", "Use another, or versions that fit."
    )


def refused(message: Refused) -> LinkError:
    reason = Reason(message.reason) if message.reason in set(Reason) else None
    kind = LinkDownError if reason is Reason.LEAVING else LinkError
    return kind(_said(message.what), _said(message.advice), reason)


def silent(origin: Origin) -> LinkDownError:
    return LinkDownError(f"{origin} does not answer.", "It is tried again.")


def cut(origin: Origin) -> LinkDownError:
    return LinkDownError(f"The connection to {origin} was cut.", "It is made again.")


def not_understood(origin: Origin, what: str) -> LinkError:
    return LinkError(f"{origin} does not keep to the protocol: {what}.", "Use versions that fit.")


def unreachable(origin: Origin, error: BaseException) -> LinkError:
    """What *error*, met while dialling, means."""
    for cause in _causes(error):
        meant = _meaning(origin, cause)
        if meant is not None:
            return meant
    if any(isinstance(cause, trio.BrokenResourceError) for cause in _causes(error)):
        return cut(origin)
    if isinstance(error, OSError):
        return LinkDownError(f"{origin} cannot be reached: {_reason(error)}.", "It is tried again.")
    return LinkError(f"{origin} is no relay.", "Check the address.")


def _meaning(origin: Origin, cause: BaseException) -> LinkError | None:
    match cause:
        case InvalidStatus():
            return _answered(origin, cause)
        case ssl.SSLCertVerificationError():
            return LinkError(
                f"{origin} shows a certificate that is not trusted here: {_said(cause.verify_message)}.",
                "Its operator has to mend that; for a root of your own set SSL_CERT_FILE.",
            )
        case ssl.SSLError():
            return LinkError(f"{origin} does not speak TLS.", "Is it http:// instead of https://?")
        case socket.gaierror():
            return LinkDownError(
                f"The name {origin.host} is not known.", "Check it, and whether there is a network."
            )
        case ConnectionRefusedError():
            return LinkDownError(f"Nothing listens at {origin}.", "Is the relay running?")
        case TimeoutError():
            return silent(origin)
        case EOFError():
            return cut(origin)
        case _:
            return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """*error*, and what it came from, the outermost first."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _causes(each)
            return
        yield error
        error = error.__cause__


def _reason(error: OSError) -> str:
    known = (cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next(known, "the network says no")


def _answered(origin: Origin, error: InvalidStatus) -> LinkError:
    response = error.response
    if response.status_code in _REDIRECTS:
        there = _said(response.headers.get("Location", "another address"))
        return LinkError(f"{origin} sends elsewhere: {there}.", "Use that address: `cctm relay use URL`.")
    if response.status_code == _TOO_MANY_REQUESTS:
        return LinkDownError(f"{origin} has too many connections.", "It is tried again.")
    if response.status_code in _UNAVAILABLE:
        return LinkDownError(f"{origin} is out of service at the moment.", "It is tried again.")
    return LinkError(f"{origin} is no relay: it answers {response.status_code}.", "Check the address.")


def _said(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MOST_SAID])
