"""Links: a capability to one channel, as text that a person can paste (SPEC.md §14.1).

    https://relay.example[:port]/t/<channel>#<token>
      channel = base64url of 32 bytes
      token   = base64url of check(4) ‖ canonical [0, secret(16), generation, epoch]

The part behind # never reaches a relay: browsers and proxies keep it to themselves. A link is a device: its keys
derive from secret and channel, so the same secret opens nothing else.

*Protected*: a mistyped link says so before anything is dialled; a relay cannot show its holder an older moment of
the channel than (generation, epoch). *Not protected*: whoever has the link is whom the owner invited.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

from .codec import decode_untrusted, encode, expect_exactly, expect_fields, expect_int
from .errors import MalformedError
from .keys import HASH_BYTES, ChannelId, DeviceKeys, hash32
from .origin import Origin, origin_of

SECRET_BYTES: Final = 16
CHECK_BYTES: Final = 4
MAX_LINK: Final = 1024  # characters

_LINK: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?/t/([A-Za-z0-9_-]{43})#([A-Za-z0-9_-]{1,120})"
)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. *generation* and *epoch* are the lowest that its holder may be shown."""

    origin: Origin
    channel: ChannelId
    secret: bytes = field(repr=False)
    generation: int
    epoch: int

    @property
    def device(self) -> DeviceKeys:
        """The keys of whoever holds the link."""
        return link_device(self.channel, self.secret)


def link_device(channel: ChannelId, secret: bytes) -> DeviceKeys:
    """The keys of whoever holds *secret* (SPEC.md §14.2)."""
    return DeviceKeys.from_seed(hash32(b"cctm link", channel, key=secret))


def encode_link(link: Link) -> str:
    """The text to be pasted."""
    token = encode((0, link.secret, link.generation, link.epoch))
    return f"{link.origin}/t/{_text(link.channel)}#{_text(_check(link.channel, token) + token)}"


def decode_link_untrusted(text: str) -> Link:
    """
    Raises:
        MalformedError: not a link, or one with a slip in it.
    """
    match = _LINK.fullmatch(text) if len(text) <= MAX_LINK else None
    if match is None:
        raise MalformedError("link")
    scheme, host, port, channel_text, token_text = match.groups()
    channel = ChannelId(expect_exactly(_bytes(channel_text), HASH_BYTES))
    checked = _bytes(token_text)
    check, token = checked[:CHECK_BYTES], checked[CHECK_BYTES:]
    if check != _check(channel, token):
        raise MalformedError("link with a slip in it")
    version, secret, generation, epoch = expect_fields(decode_untrusted(token, MAX_LINK), 4)
    if expect_int(version) != 0:
        raise MalformedError("link of another version")
    return Link(
        origin_of(scheme, host, port),
        channel,
        expect_exactly(secret, SECRET_BYTES),
        expect_int(generation, 1),
        expect_int(epoch, 1),
    )


def _check(channel: ChannelId, token: bytes) -> bytes:
    return hash32(b"cctm link check", channel + token)[:CHECK_BYTES]


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """The bytes of which *text* is the one base64url."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise MalformedError("base64url") from None
    if _text(data) != text:
        raise MalformedError("base64url")
    return data
