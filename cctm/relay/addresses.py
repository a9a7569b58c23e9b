"""Addresses: who is at the other end, and under which names this relay is known.

Invariant: what a client says of its own address (X-Forwarded-For) is believed only where the operator said that a
proxy stands before the relay; and of that only the last item, which the proxy wrote.
"""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from cctm.protocol.origin import Origin, decode_origin_untrusted


def limited_as(address: str) -> str:
    """What an address is counted as: IPv6 by its /64, which is one customer's."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ip_network((parsed, 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)


def client_of(peer: str, forwarded: Sequence[str], *, behind_proxy: bool) -> str:
    """Whose connection this is, as it is counted.

    Args:
        peer: who is at the other end of the socket.
        forwarded: values of X-Forwarded-For.
    """
    if behind_proxy and forwarded:
        return limited_as(forwarded[-1].rpartition(",")[2].strip())
    return limited_as(peer)


def is_loopback(address: str) -> bool:
    try:
        return _plain(address).is_loopback
    except ValueError:
        return False


def own_names(scheme: str, local: str, port: int, origins: Collection[str]) -> frozenset[str]:
    """As what this relay may have been dialled by a connection that came to *local*, *port*."""
    try:
        plain = _plain(local)
    except ValueError:
        return frozenset(origins)
    host = f"[{plain}]" if isinstance(plain, IPv6Address) else str(plain)
    hosts = [host, "localhost"] if plain.is_loopback else [host]
    return frozenset(origins) | {str(Origin(scheme, name, port)) for name in hosts}


def normal_origin(text: str) -> str:
    """An origin as proofs name it.

    Raises:
        MalformedError: *text* is none.
    """
    return str(decode_origin_untrusted(text))


def _plain(address: str) -> IPv4Address | IPv6Address:
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
