"""The frame that a message goes to all its readers in (RFC 6455 §5.2): final, binary, not masked.

0x82 ‖ size in 7 bits, or 126 and 2 bytes, or 127 and 8 bytes ‖ message
"""


def framed(message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        head = bytes((0x82, size))
    elif size < 1 << 16:
        head = b"\x82\x7e" + size.to_bytes(2, "big")
    else:
        head = b"\x82\x7f" + size.to_bytes(8, "big")
    return head + message
