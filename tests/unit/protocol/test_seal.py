"""cctm.protocol.seal: padding, compression, ciphers."""

import struct
import threading

import pytest
import zstandard
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_box_seal

from cctm.protocol.errors import LocalError, MalformedError, OpenError
from cctm.protocol.seal import (
    COMPRESS_FROM_BYTES,
    box,
    code,
    decode_code_untrusted,
    frame,
    open_sealed,
    seal,
    unbox,
    unframe_untrusted,
    unwrap,
    wrap,
)
from cctm.protocol.sizes import padded_size, padme
from samples import DEVICE, OTHER_DEVICE, drawn

KEY, NONCE = drawn("key"), drawn("nonce", 24)
INCOMPRESSIBLE = b"".join(drawn(str(number), 64) for number in range(64))


def coded(method, plain_size, coded_bytes, *, coded_size=None, pad=None):
    used = struct.pack(">BII", method, plain_size, len(coded_bytes) if coded_size is None else coded_size)
    used += coded_bytes
    return used + (bytes(padded_size(len(used)) - len(used)) if pad is None else pad)


@pytest.mark.parametrize(
    ("size", "rounded"),
    [
        *((size, size) for size in range(9)),
        (9, 10),
        (15, 16),
        (17, 18),
        (65, 72),
        (100, 104),
        (1_000, 1_024),
        (65_537, 67_584),
        (2**20 + 1, 2**20 + 2**15),
    ],
)
def test_padme_rounds_as_published(size, rounded):
    assert padme(size) == rounded


def test_padding_costs_at_most_12_percent_and_never_shrinks():
    sizes = [padded_size(size) for size in range(5_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 64
    assert all(size <= padded <= max(64, size * 1.12) for size, padded in enumerate(sizes))


@pytest.mark.parametrize("plain", [b"", b"x", b"a" * 511, b"a" * 512, b"a" * 70_000, INCOMPRESSIBLE])
def test_what_is_coded_decodes(plain):
    padded = code(plain)
    assert len(padded) == padded_size(len(padded))
    assert decode_code_untrusted(padded, len(plain)) == plain


def test_compression_is_used_where_it_pays():
    assert code(b"a" * (COMPRESS_FROM_BYTES - 1))[0] == 0
    assert code(b"a" * COMPRESS_FROM_BYTES)[0] == 1
    assert code(INCOMPRESSIBLE)[0] == 0


def test_threads_compress_at_the_same_time():
    plains = [bytes([number]) * 300_000 + INCOMPRESSIBLE for number in range(8)]
    results = {}

    def work(number):
        padded = [code(plains[number]) for _ in range(20)]
        results[number] = {decode_code_untrusted(one, 2**20) for one in padded}

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: {plain} for number, plain in enumerate(plains)}


SMALL_FRAME = zstandard.ZstdCompressor(level=1).compress(b"a" * 600)
HOLDS_LESS = SMALL_FRAME[:5] + (700 - 256).to_bytes(2, "little") + SMALL_FRAME[7:]
UNSIZED_FRAME = zstandard.ZstdCompressor(level=1, write_content_size=False).compress(b"a" * 600)


@pytest.mark.parametrize(
    ("padded", "why"),
    [
        (b"", "code without a head"),
        (bytes(63), "code without a head"),
        (coded(0, 1_001, bytes(1_001)), "plain size"),
        (coded(0, 5, b"hello", coded_size=56), "coded size"),
        (coded(0, 5, b"hello", coded_size=2**32 - 1), "coded size"),
        (coded(0, 5, b"hello", pad=bytes(51)), "coded size"),
        (coded(0, 5, b"hello", pad=bytes(49) + b"\x01"), "padding"),
        (coded(0, 5, b"hello", pad=b"\x01" + bytes(49)), "padding"),
        (coded(0, 4, b"hello"), "method"),
        (coded(2, 5, b"hello"), "method"),
        (coded(1, 600, b""), "zstd"),
        (coded(1, 600, b"no zstd frame"), "zstd"),
        (coded(1, 600, SMALL_FRAME[:-1]), "zstd"),
        (coded(1, 600, SMALL_FRAME + b"x"), "zstd"),
        (coded(1, 600, SMALL_FRAME + SMALL_FRAME), "zstd"),
        (coded(1, 601, SMALL_FRAME), "declared size"),
        (coded(1, 599, SMALL_FRAME), "declared size"),
        (coded(1, 600, UNSIZED_FRAME), "declared size"),
        (coded(1, 700, HOLDS_LESS), "zstd"),
        (coded(1, 511, zstandard.ZstdCompressor().compress(b"a" * 511)), "method"),
        (coded(1, 600, bytes(600)), "method"),
    ],
)
def test_code_that_no_encoder_makes_is_refused(padded, why):
    with pytest.raises(MalformedError) as caught:
        decode_code_untrusted(padded, 1_000)
    assert caught.value.what == why


def test_a_bomb_is_refused_by_its_declared_size():
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(2**28))
    assert len(bomb) < 2**14 + 2**13
    with pytest.raises(MalformedError, match="plain size"):
        decode_code_untrusted(coded(1, 2**28, bomb), 2**20)


def test_a_bomb_that_declares_less_to_us_than_to_zstd_is_refused_before_it_is_opened():
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(2**28))
    with pytest.raises(MalformedError, match="declared size"):
        decode_code_untrusted(coded(1, 2**20, bomb), 2**20)


def test_a_bomb_that_declares_less_than_it_holds_is_stopped():
    bomb = bytearray(zstandard.ZstdCompressor(level=1).compress(bytes(2**26)))
    assert bomb[4] == 0x80, "a frame with a window byte and a content size of four bytes"
    bomb[6:10] = (100_000).to_bytes(4, "little")
    assert zstandard.frame_content_size(bytes(bomb)) == 100_000
    with pytest.raises(MalformedError, match="zstd"):
        decode_code_untrusted(coded(1, 100_000, bytes(bomb)), 2**20)


@pytest.mark.parametrize("plain", [b"", b"x", bytes(1_000)])
@pytest.mark.parametrize("size", [0, 64, 4_096])
def test_what_is_framed_unframes(plain, size):
    framed = frame(plain, size)
    assert len(framed) == max(size, padded_size(4 + len(plain)))
    assert unframe_untrusted(framed) == plain


@pytest.mark.parametrize(
    ("framed", "why"),
    [
        (bytes(63), "frame without a head"),
        (struct.pack(">I", 61) + bytes(60), "framed size"),
        (struct.pack(">I", 2**32 - 1) + bytes(60), "framed size"),
        (struct.pack(">I", 1) + bytes(59) + b"x", "padding"),
    ],
)
def test_frames_that_no_encoder_makes_are_refused(framed, why):
    with pytest.raises(MalformedError) as caught:
        unframe_untrusted(framed)
    assert caught.value.what == why


def test_the_cipher_is_xchacha20_poly1305():
    sealed = seal(KEY, NONCE, b"plain", b"aad")
    assert sealed[:24] == NONCE
    assert len(sealed) == 24 + 5 + 16
    assert crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], b"aad", NONCE, KEY) == b"plain"
    assert open_sealed(KEY, sealed, b"aad") == b"plain"


@pytest.mark.parametrize("size", [0, 23, 25])
def test_a_nonce_has_24_bytes(size):
    with pytest.raises(LocalError):
        seal(KEY, bytes(size), b"plain", b"aad")


def test_what_was_sealed_opens_with_its_key_and_aad_only():
    sealed = seal(KEY, NONCE, b"plain", b"aad")
    for key, text, aad in (
        (drawn("other"), sealed, b"aad"),
        (KEY, sealed, b"other"),
        (KEY, sealed, b""),
        (KEY, sealed[:-1], b"aad"),
        (KEY, sealed + b"x", b"aad"),
        (KEY, sealed[:39], b"aad"),
        (KEY, b"", b"aad"),
    ):
        with pytest.raises(OpenError):
            open_sealed(key, text, aad)


def test_a_wrapped_secret_unwraps_for_its_purpose_and_context():
    wrapped = wrap(DEVICE.wrap_key, "cctm wrap epoch", (b"channel", 3), b"secret", NONCE)
    assert unwrap(DEVICE.wrap_key, "cctm wrap epoch", (b"channel", 3), wrapped) == b"secret"
    for key, purpose, context in (
        (OTHER_DEVICE.wrap_key, "cctm wrap epoch", (b"channel", 3)),
        (DEVICE.wrap_key, "cctm wrap writer", (b"channel", 3)),
        (DEVICE.wrap_key, "cctm wrap epoch", (b"channel", 4)),
        (DEVICE.wrap_key, "cctm wrap epoch", (b"channel",)),
    ):
        with pytest.raises(OpenError):
            unwrap(key, purpose, context, wrapped)


def test_what_is_sealed_without_a_frame_does_not_unwrap():
    with pytest.raises(OpenError):
        unwrap(KEY, "p", (), seal(KEY, NONCE, b"\xff" * 64, b"\x91\xa1p"))


def test_a_box_opens_for_its_recipient_only():
    boxed = box(DEVICE.box_public, b"framed", drawn("ephemeral"))
    assert unbox(DEVICE.box_public, DEVICE.box_secret, boxed) == b"framed"
    for keys, text in ((OTHER_DEVICE, boxed), (DEVICE, boxed[:-1]), (DEVICE, b""), (DEVICE, boxed[:47])):
        with pytest.raises(OpenError):
            unbox(keys.box_public, keys.box_secret, text)


def test_a_box_is_libsodiums_sealed_box():
    assert (
        unbox(DEVICE.box_public, DEVICE.box_secret, crypto_box_seal(b"framed", DEVICE.box_public))
        == b"framed"
    )


@pytest.mark.parametrize("public", [bytes(32), bytes([1]) + bytes(31)])
def test_nothing_is_boxed_for_a_key_of_small_order(public):
    with pytest.raises(LocalError):
        box(public, b"framed", drawn("ephemeral"))
