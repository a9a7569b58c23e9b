"""Traces: in which forms a secret may lie about, and whether data holds one.

as it is · hex, lower and upper · base64 and base64url, at each of the three alignments · UTF-16, both ways
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping


def forms(secret: bytes) -> Iterator[bytes]:
    """Everything as which *secret* would be looked for."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for encode in (b64encode, urlsafe_b64encode):
        for shift in range(3):
            # What depends on the bytes around it is left out at both ends.
            coded = encode(bytes(shift) + secret).rstrip(b"=")
            whole = (shift + len(secret)) // 3 * 4
            yield coded[(shift * 8 + 5) // 6 : whole]
    yield b"".join(bytes((byte, 0)) for byte in secret)
    yield b"".join(bytes((0, byte)) for byte in secret)


def found(secrets: Mapping[str, bytes], places: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Which secrets lie in which places."""
    wanted = {name: set(forms(secret)) for name, secret in secrets.items()}
    return [
        (name, place)
        for place, data in places
        for name, looked_for in wanted.items()
        if any(form in data for form in looked_for)
    ]
