"""Every primitive that hides something: compression, ciphers (SPEC.md §2.2, §4.1, §4.2).

    code   = method(u8) ‖ plain size(u32) ‖ coded size(u32) ‖ coded
    framed = size(u32) ‖ plain
    pad(x) = x ‖ zero bytes, up to max(64, PADMÉ(len x))
    sealed = nonce(24) ‖ XChaCha20-Poly1305-IETF(key, nonce, padded, aad)
    box    = ephemeral public(32) ‖ X25519 box of padded          what libsodium calls a sealed box

**Invariants**

- A nonce is 192 random bits, made by the caller for each sealing. A counter would repeat itself in a restored
  backup.
- The cipher does not commit to its key; the aad does (it names the key id), so a text opens under one key
  only.
- Nothing is decompressed before the declared size is known to be allowed, nor beyond it.
- Lengths leak up to PADMÉ (at most 12 %). Compression before encryption leaks about contents that a reader
  can choose; what is compressed here is what one terminal printed in one moment.
"""

import hashlib
from typing import Final

import zstandard
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_box_easy,
    crypto_box_seal_open,
    crypto_box_seed_keypair,
)
from nacl.exceptions import CryptoError
from nacl.exceptions import RuntimeError as SodiumError

from .codec import Encodable, encode
from .errors import LocalError, MalformedError, OpenError
from .sizes import CODE_HEAD_BYTES, NONCE_BYTES, PAD_FLOOR_BYTES, SEALED_OVERHEAD_BYTES, padded_size

BOX_OVERHEAD_BYTES: Final = 48  # ephemeral public key and tag
COMPRESS_FROM_BYTES: Final = 512

# What a device wraps, each with its context: (channel), (channel, epoch number), (channel).
WRAP_WRITER: Final = "cctm wrap writer"
WRAP_EPOCH: Final = "cctm wrap epoch"
WRAP_ABOUT: Final = "cctm wrap about"

_PLAIN, _ZSTD = 0, 1
_SIZE_BYTES: Final = 4

# Idle zstd contexts: each costs a megabyte and 50 µs to make, and none may be used by two threads at once.
# Taking one and putting it back are atomic.
_compressors: Final[list[zstandard.ZstdCompressor]] = []
_decompressors: Final[list[zstandard.ZstdDecompressor]] = []


def code(plain: bytes) -> bytes:
    """*plain*, compressed if that is worth it, and padded."""
    method, coded = _PLAIN, plain
    if len(plain) >= COMPRESS_FROM_BYTES:
        compressed = _compress(plain)
        if len(compressed) < len(plain):
            method, coded = _ZSTD, compressed
    used = CODE_HEAD_BYTES + len(coded)
    return b"".join(
        (
            method.to_bytes(1, "big"),
            len(plain).to_bytes(4, "big"),
            len(coded).to_bytes(4, "big"),
            coded,
            bytes(padded_size(used) - used),
        )
    )


def decode_code_untrusted(padded: bytes, max_bytes: int) -> bytes:
    """The plain text in *padded*, of at most *max_bytes*.

    Raises:
        MalformedError: anything that `code` does not make, but for other ways to compress the same.
    """
    if len(padded) < PAD_FLOOR_BYTES:
        raise MalformedError("code without a head")
    method = padded[0]
    plain_size = int.from_bytes(padded[1:5], "big")
    coded_size = int.from_bytes(padded[5:9], "big")
    used = CODE_HEAD_BYTES + coded_size
    if plain_size > max_bytes:
        raise MalformedError("plain size")
    if used > len(padded) or len(padded) != padded_size(used):
        raise MalformedError("coded size")
    if padded.count(0, used) != len(padded) - used:
        raise MalformedError("padding")
    coded = padded[CODE_HEAD_BYTES:used]
    if method == _PLAIN and coded_size == plain_size:
        return coded
    if method == _ZSTD and coded_size < plain_size >= COMPRESS_FROM_BYTES:
        return _decompress_untrusted(coded, plain_size)
    raise MalformedError("method")


def _compress(plain: bytes) -> bytes:
    try:
        compressor = _compressors.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(level=1, write_content_size=True)
    compressed = compressor.compress(plain)
    _compressors.append(compressor)
    return compressed


def _decompress_untrusted(packed: bytes, size: int) -> bytes:
    """What *packed*, one zstd frame, holds. It must declare *size*; room is taken for so much, never more."""
    try:
        decompressor = _decompressors.pop()
    except IndexError:
        decompressor = zstandard.ZstdDecompressor()
    try:
        if zstandard.frame_content_size(packed) != size:
            raise MalformedError("declared size")
        # zstd itself refuses a frame that holds more or less than it declares.
        return decompressor.decompress(packed, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError:
        raise MalformedError("zstd") from None
    finally:
        _decompressors.append(decompressor)


def frame(plain: bytes, size: int = 0) -> bytes:
    """*plain* behind its length, padded; to *size* bytes if that is more."""
    used = _SIZE_BYTES + len(plain)
    return b"".join((len(plain).to_bytes(4, "big"), plain, bytes(max(size, padded_size(used)) - used)))


def unframe_untrusted(framed: bytes) -> bytes:
    """The plain text that `frame` put into *framed*."""
    if len(framed) < PAD_FLOOR_BYTES:
        raise MalformedError("frame without a head")
    used = _SIZE_BYTES + int.from_bytes(framed[:_SIZE_BYTES], "big")
    if used > len(framed):
        raise MalformedError("framed size")
    if framed.count(0, used) != len(framed) - used:
        raise MalformedError("padding")
    return framed[_SIZE_BYTES:used]


def seal(key: bytes, nonce: bytes, padded: bytes, aad: bytes) -> bytes:
    """nonce ‖ ciphertext ‖ tag. *nonce*: 24 fresh random bytes."""
    if len(nonce) != NONCE_BYTES:
        raise LocalError("nonce that is not 24 bytes")
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(padded, aad, nonce, key)


def open_sealed(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """What `seal` hid in *sealed*, still padded.

    Raises:
        OpenError: any failure. Why is not said, on purpose.
    """
    if len(sealed) < SEALED_OVERHEAD_BYTES:
        raise OpenError
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_BYTES:], aad, sealed[:NONCE_BYTES], key
        )
    except CryptoError:
        raise OpenError from None


def wrap(wrap_key: bytes, purpose: str, context: tuple[Encodable, ...], plain: bytes, nonce: bytes) -> bytes:
    """*plain*, sealed under a device's wrapping key for one purpose and context (SPEC.md §2.2)."""
    return seal(wrap_key, nonce, frame(plain), encode((purpose, *context)))


def unwrap(wrap_key: bytes, purpose: str, context: tuple[Encodable, ...], wrapped: bytes) -> bytes:
    """What was wrapped for *purpose* and *context*.

    Raises:
        OpenError: another key, purpose or context, or changed bytes.
    """
    try:
        return unframe_untrusted(open_sealed(wrap_key, wrapped, encode((purpose, *context))))
    except MalformedError:
        raise OpenError from None


def box(public: bytes, framed: bytes, seed: bytes) -> bytes:
    """*framed*, for the holder of the secret to *public* (X25519) alone; nobody else learns for whom it is.

    Args:
        seed: 32 fresh random bytes, of the ephemeral key.
    Raises:
        LocalError: *public* is not 32 bytes, or a point of small order, to which no secret can be agreed.
    """
    if len(public) != 32:
        raise LocalError("box key that is not 32 bytes")
    ephemeral_public, ephemeral_secret = crypto_box_seed_keypair(seed)
    nonce = hashlib.blake2b(ephemeral_public + public, digest_size=NONCE_BYTES).digest()
    try:
        return ephemeral_public + crypto_box_easy(framed, nonce, public, ephemeral_secret)
    except SodiumError:
        raise LocalError("box key of small order") from None


def unbox(public: bytes, secret: bytes, boxed: bytes) -> bytes:
    """What is in *boxed*, still framed.

    Raises:
        OpenError: it is for somebody else, or was changed.
    """
    if len(boxed) < BOX_OVERHEAD_BYTES:
        raise OpenError
    try:
        return crypto_box_seal_open(boxed, public, secret)
    except CryptoError:
        raise OpenError from None
