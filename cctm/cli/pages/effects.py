"""What a page comes to. The session does it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closed:
    """Back to the terminal."""


@dataclass(frozen=True, slots=True)
class Switch:
    """To another terminal."""

    channel: bytes


@dataclass(frozen=True, slots=True)
class Throw:
    """Detach the client with this number."""

    client: int


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the terminal this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End the terminal."""


class Together:
    """Something about a shared terminal: pages/together.py, which attaching does not import."""

    __slots__ = ()


Effect = Closed | Switch | Throw | Rename | Kill | Together
