"""cctm.protocol.keys: keys, ids and signatures."""

import hashlib

import pytest

from cctm.protocol.codec import encode
from cctm.protocol.errors import LocalError
from cctm.protocol.keys import (
    DeviceKeys,
    EpochSecret,
    Incarnation,
    WriterKey,
    channel_id,
    entry_key,
    grant_key,
    hash32,
    log_id,
    statement,
    verify,
)
from cctm.protocol.seal import box, frame, unbox, unframe_untrusted
from samples import CHANNEL, DEVICE, EPOCH, HOST, INCARNATION, MEMBER, NEXT_EPOCH, OTHER_CHANNEL, drawn


def test_the_hash_is_blake2b_with_a_person():
    expected = hashlib.blake2b(b"data", digest_size=32, key=b"key", person=b"cctm test").digest()
    assert hash32(b"cctm test", b"data", b"key") == expected
    assert hash32(b"cctm test", b"data") != hash32(b"cctm toast", b"data")


def test_the_same_seed_gives_the_same_keys():
    again = DeviceKeys.from_seed(DEVICE.seed)
    assert (again.sign_public, again.box_public) == (DEVICE.sign_public, DEVICE.box_public)
    assert again.wrap_key == DEVICE.wrap_key
    assert WriterKey.from_seed(HOST.seed).public == HOST.public


def test_a_devices_keys_differ_from_each_other():
    assert len({DEVICE.seed, DEVICE.wrap_key, DEVICE.box_secret, DEVICE.sign_public, DEVICE.box_public}) == 5


@pytest.mark.parametrize("make", [DeviceKeys.from_seed, WriterKey.from_seed])
@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(make, size):
    with pytest.raises(LocalError):
        make(bytes(size))


@pytest.mark.parametrize(("number", "size"), [(0, 32), (-1, 32), (1, 31), (1, 0)])
def test_an_epoch_secret_is_32_bytes_of_an_epoch_from_1_on(number, size):
    with pytest.raises(LocalError):
        EpochSecret(number, bytes(size))


@pytest.mark.parametrize("signer", [DEVICE, HOST])
def test_a_signature_verifies_for_its_message_and_signer_only(signer):
    public = signer.sign_public if isinstance(signer, DeviceKeys) else signer.public
    sig = signer.sign(b"message")
    assert len(sig) == 64
    assert verify(public, b"message", sig)
    assert not verify(public, b"massage", sig)
    assert not verify(MEMBER.public, b"message", sig)
    assert not verify(public, b"message", bytes([sig[0] ^ 1]) + sig[1:])


def test_keys_and_signatures_of_wrong_length_do_not_verify():
    sig = HOST.sign(b"message")
    for public, cut_sig in (
        (b"", sig),
        (HOST.public[:31], sig),
        (HOST.public + b"x", sig),
        (HOST.public, b""),
        (HOST.public, sig[:63]),
        (HOST.public, sig + b"m"),
    ):
        assert not verify(public, b"message", cut_sig)


def test_a_public_key_of_small_order_signs_nothing():
    small = bytes([1]) + bytes(31)
    assert not verify(small, b"anything", small + bytes(32))


def test_a_statement_names_purpose_and_channel_first():
    assert statement("cctm test", CHANNEL, 1, b"x") == encode(["cctm test", CHANNEL, 1, b"x"])


def test_ids_commit_to_all_that_they_are_made_of():
    log = log_id(HOST.public, CHANNEL, INCARNATION, 1)
    others = {
        log_id(MEMBER.public, CHANNEL, INCARNATION, 1),
        log_id(HOST.public, OTHER_CHANNEL, INCARNATION, 1),
        log_id(HOST.public, CHANNEL, Incarnation(bytes(16)), 1),
        log_id(HOST.public, CHANNEL, INCARNATION, 2),
        channel_id(HOST.public),
    }
    assert len(others | {log}) == 6


def test_derived_keys_depend_on_secret_epoch_channel_log_and_use():
    log, other = log_id(HOST.public, CHANNEL, INCARNATION, 1), log_id(HOST.public, CHANNEL, INCARNATION, 2)
    keys = {
        entry_key(EPOCH, CHANNEL, log),
        entry_key(NEXT_EPOCH, CHANNEL, log),
        entry_key(EpochSecret(2, EPOCH.secret), CHANNEL, log),
        entry_key(EPOCH, OTHER_CHANNEL, log),
        entry_key(EPOCH, CHANNEL, other),
        grant_key(EPOCH, CHANNEL, log),
        EPOCH.key_id,
        NEXT_EPOCH.key_id,
    }
    assert len(keys) == 8


def test_a_devices_box_key_opens_what_was_boxed_for_it():
    boxed = box(DEVICE.box_public, frame(b"hello"), drawn("ephemeral"))
    assert unframe_untrusted(unbox(DEVICE.box_public, DEVICE.box_secret, boxed)) == b"hello"
