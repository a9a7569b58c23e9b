"""Why a relay ends a connection: the reason for the program, and two sentences for the person."""

from cctm.protocol.errors import CctmError, ChainError, MalformedError
from cctm.protocol.sync.serving import Reason


class RefusedError(CctmError):
    """A connection asked for what it may not have; it ends."""

    def __init__(self, reason: Reason, what: str, advice: str) -> None:
        super().__init__(reason, what, advice)
        self.reason = reason
        self.what = what
        self.advice = advice


def not_allowed() -> RefusedError:
    return RefusedError(
        Reason.NOT_ALLOWED, "This key may not do that here.", "Ask the terminal's host for a new link."
    )


def expired() -> RefusedError:
    return RefusedError(
        Reason.EXPIRED, "Sharing this terminal has ended.", "Ask the terminal's host for a new link."
    )


def uninvited() -> RefusedError:
    return RefusedError(
        Reason.NO_CHANNEL,
        "This relay takes new terminals by invitation only.",
        "Ask its operator for an invite.",
    )


def not_understood(error: MalformedError) -> RefusedError:
    return RefusedError(
        Reason.PROTOCOL, f"What was sent is not understood: {error.what}.", "Use a version that fits."
    )


def no_continuation(error: ChainError) -> RefusedError:
    return RefusedError(
        Reason.CHAIN,
        f"Entry {error.seq} does not continue the log: {error.flaw.value}.",
        "Verify it where it was written: `cctm log verify`.",
    )


def hole(size: int) -> RefusedError:
    return RefusedError(Reason.CHAIN, f"The log goes on at {size} here.", "Send what is lacking first.")


def fork() -> RefusedError:
    return RefusedError(
        Reason.FORK,
        "The log has other entries here already.",
        "A copy of this home wrote them: begin a new log.",
    )


def channel_is_full() -> RefusedError:
    return RefusedError(
        Reason.QUOTA,
        "This relay stores no more of this terminal.",
        "Share it anew, or through another relay.",
    )


def relay_is_full() -> RefusedError:
    return RefusedError(
        Reason.QUOTA, "This relay is full.", "Tell its operator, or share through another relay."
    )


def disk_refuses() -> RefusedError:
    return RefusedError(Reason.QUOTA, "The relay cannot store at this moment.", "Tell its operator.")


def too_much(what: str, advice: str) -> RefusedError:
    return RefusedError(Reason.RATE, what, advice)
