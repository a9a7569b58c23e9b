"""Origins: where a relay is reached, and as what it is named in proofs (SPEC.md §14.1, §15.2)."""

import re
from dataclasses import dataclass
from typing import Final

from .errors import MalformedError

PORTS: Final = {"https": 443, "http": 80}
_ORIGIN: Final = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?/?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a relay is reached: scheme, host and port. What it is called in proofs."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


def decode_origin_untrusted(text: str) -> Origin:
    """A relay's address as a user writes it: `https://relay.example`, `http://10.0.0.2:4222`.

    Raises:
        MalformedError: it is not one.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise MalformedError("address of a relay")
    return origin_of(*match.groups())


def origin_of(scheme: str, host: str, port: str | None) -> Origin:
    number = PORTS[scheme] if port is None else int(port)
    if not 1 <= number <= 0xFFFF:
        raise MalformedError("port")
    return Origin(scheme, host.lower(), number)
