"""What an operator may choose. `cctm relay serve` hands it over as one JSON object."""

import json
from dataclasses import asdict, dataclass
from typing import Final

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Options:
    """One relay's."""

    store: str  # absolute
    host: str = "127.0.0.1"
    port: int = 4222  # 0: any that is free
    origins: tuple[str, ...] = ()  # as which clients dial it, besides its own addresses
    tls_cert: str | None = None
    tls_key: str | None = None
    invite_only: bool = False
    behind_proxy: bool = False  # the last X-Forwarded-For says who a client is
    channel_bytes: int = GIB  # stored for one channel
    total_bytes: int = 20 * GIB
    idle_days: int = 90  # a channel that nobody used for so long is deleted; 0: never
    connections: int = 10_000
    connections_per_address: int = 256
    ends_with_input: bool = False  # its standard input is a pipe of who started it, and ends with that one

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Options":
        fields = json.loads(text)
        return cls(**{**fields, "origins": tuple(fields.get("origins", ()))})
