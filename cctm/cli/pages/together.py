"""What pages of a shared terminal come to. cli/together.py does it; attaching imports neither."""

from dataclasses import dataclass

from cctm.cli.pages.effects import Together
from cctm.protocol.control.replies import LinkRow
from cctm.protocol.control.values import FloorAction


@dataclass(frozen=True, slots=True)
class Here(Together):
    """Say who is here; the row *at* is marked."""

    at: int = 0


@dataclass(frozen=True, slots=True)
class AskKick(Together):
    """Ask whether to remove this guest."""

    who: bytes
    label: str


@dataclass(frozen=True, slots=True)
class Kick(Together):
    """Remove this guest."""

    who: bytes


@dataclass(frozen=True, slots=True)
class Links(Together):
    """Show the terminal's links."""


@dataclass(frozen=True, slots=True)
class MakeLink(Together):
    """Make a link for this role."""

    role: int


@dataclass(frozen=True, slots=True)
class ShowLink(Together):
    """Show a link that is in force."""

    link: LinkRow


@dataclass(frozen=True, slots=True)
class AskRevoke(Together):
    """Ask whether to revoke this link."""

    link: LinkRow


@dataclass(frozen=True, slots=True)
class Revoke(Together):
    """Revoke the link of this key."""

    link: bytes


@dataclass(frozen=True, slots=True)
class Keyboard(Together):
    """Say who has the keyboard; the row *at* is marked, or whoever has it."""

    at: int | None = None


@dataclass(frozen=True, slots=True)
class Pass(Together):
    """Ask for the keyboard, hand it to *who*, or give it back."""

    action: FloorAction
    who: bytes = b""
