"""The vectors hold: against our code, and against the primitives themselves, called as SPEC.md says."""

import base64
import hashlib
from pathlib import Path

import msgpack
import nacl.bindings as sodium
import pytest
import zstandard
from nacl.exceptions import CryptoError

from cctm.protocol.codec import decode_untrusted, encode
from cctm.protocol.entry import decode_record_untrusted, decode_wire_untrusted, encode_record
from cctm.protocol.errors import MalformedError
from cctm.protocol.events import SHAPES, decode_events_untrusted, encode_events
from cctm.protocol.keys import LogId
from cctm.protocol.log import LogVerifier
from cctm.protocol.seal import decode_code_untrusted, unframe_untrusted
from cctm.protocol.sizes import padded_size
from tests.vectors.make import FILES, FOLDER, render


def read(name):
    """The sections of a file. Numbers stay text: whoever uses them knows."""
    sections = {}
    for block in (FOLDER / name).read_text(encoding="utf-8").strip().split("\n\n"):
        title, *lines = block.split("\n")
        sections[title[1:-1]] = dict(
            line.split(" = ", 1) if " = " in line else (line[:-2], "") for line in lines
        )
    return sections


def raw(fields):
    return {name: bytes.fromhex(value) for name, value in fields.items() if len(value) % 2 == 0}


def blake(person, data, key=b""):
    return hashlib.blake2b(data, digest_size=32, person=person, key=key).digest()


def open_aead(key, sealed, aad):
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], aad, sealed[:24], key)


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_what_the_code_makes(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == render(FILES[name]())


def test_there_is_a_text_for_every_file():
    listed = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in FOLDER.glob("*.txt")) == sorted(FILES)
    assert all(f"`{name}`" in listed for name in FILES)


@pytest.mark.parametrize(("name", "fields"), read("codec.txt").items())
def test_codec(name, fields):
    data = raw(fields)
    if name.startswith("refused"):
        with pytest.raises(MalformedError):
            decode_untrusted(data["malformed"], 1_000)
        return
    assert encode(decode_untrusted(data["encoded"], 10_000)) == data["encoded"]
    assert msgpack.packb(msgpack.unpackb(data["encoded"])) == data["encoded"]


def test_device_keys():
    device = raw(read("keys.txt")["device"])
    seed = device["seed"]
    sign_public, _ = sodium.crypto_sign_seed_keypair(blake(b"cctm dev sign", b"", seed))
    assert sign_public == device["sign_public"]
    assert blake(b"cctm dev box", b"", seed) == device["box_secret"]
    assert sodium.crypto_scalarmult_base(device["box_secret"]) == device["box_public"]
    assert blake(b"cctm dev wrap", b"", seed) == device["wrap_key"]


def test_ids_and_derived_keys():
    sections = read("keys.txt")
    writer, log, epoch = (raw(sections[name]) for name in ("writer", "log", "epoch"))
    assert sodium.crypto_sign_seed_keypair(writer["seed"])[0] == writer["public"]
    assert blake(b"cctm channel", writer["public"]) == writer["channel"]
    made_of = [log["writer"], log["channel"], log["incarnation"], int(sections["log"]["generation"])]
    assert blake(b"cctm log", msgpack.packb(made_of)) == log["log"]
    context = msgpack.packb([epoch["channel"], epoch["log"], int(sections["epoch"]["number"])])
    assert blake(b"cctm key id", epoch["secret"]) == epoch["key_id"]
    assert blake(b"cctm entry key", context, epoch["secret"]) == epoch["entry_key"]
    assert blake(b"cctm grant key", context, epoch["secret"]) == epoch["grant_key"]


def test_signature():
    made = raw(read("keys.txt")["signature"])
    assert msgpack.packb(["cctm sign entry", made["channel"], made["digest"]]) == made["statement"]
    public, _ = sodium.crypto_sign_seed_keypair(made["writer_seed"])
    assert sodium.crypto_sign_open(made["sig"] + made["statement"], public) == made["statement"]


def test_padded_sizes():
    for size, padded in read("seals.txt")["padded sizes"].items():
        assert padded_size(int(size)) == int(padded)


@pytest.mark.parametrize("name", ["code, plain", "code, zstd"])
def test_code(name):
    made = raw(read("seals.txt")[name])
    assert decode_code_untrusted(made["padded"], 1_000) == made["plain"]
    size = int.from_bytes(made["padded"][5:9], "big")
    coded = made["padded"][9 : 9 + size]
    assert made["plain"] == (coded if made["padded"][0] == 0 else zstandard.decompress(coded))


def test_frame_seal_and_box():
    sections = read("seals.txt")
    framed, sealed, boxed = (raw(sections[name]) for name in ("frame", "sealed", "box"))
    assert unframe_untrusted(framed["padded"]) == framed["plain"]
    assert framed["padded"] == bytes([0, 0, 0, 5]) + framed["plain"] + bytes(64 - 9)
    assert open_aead(sealed["key"], sealed["sealed"], sealed["aad"]) == sealed["padded"]
    opened = sodium.crypto_box_seal_open(boxed["box"], boxed["recipient"], boxed["recipient_secret"])
    assert opened == boxed["framed"]
    assert sodium.crypto_box_seed_keypair(boxed["ephemeral_seed"])[0] == boxed["box"][:32]


@pytest.mark.parametrize("purpose", ["cctm wrap writer", "cctm wrap epoch", "cctm wrap about"])
def test_wrapped_secrets(purpose):
    made = raw(read("seals.txt")[purpose])
    assert decode_untrusted(made["aad"], 100)[0] == purpose
    assert made["wrapped"][:24] == made["nonce"]
    framed = open_aead(made["wrap_key"], made["wrapped"], made["aad"])
    assert framed[4 : 4 + int.from_bytes(framed[:4], "big")] == made["plain"]


def test_events():
    seen = set()
    for name, fields in read("events.txt").items():
        encoded = raw(fields)["encoded"]
        [event] = decode_events_untrusted(encoded)
        kind = int(name.split()[0])
        assert type(event) is SHAPES[kind].event
        assert encode_events([event]) == encoded
        assert msgpack.unpackb(encoded)[0][0] == kind
        seen.add(kind)
    assert seen == set(SHAPES)


def test_entries_step_by_step():
    sections = read("entries.txt")
    log = raw(sections.pop("log"))
    epoch_secret, channel, log_id = log["epoch_secret"], log["channel"], log["log"]
    public, _ = sodium.crypto_sign_seed_keypair(log["writer_seed"])
    key = blake(b"cctm entry key", msgpack.packb([channel, log_id, 1]), epoch_secret)
    prev, previous_key_id = bytes(32), None
    for section in sections.values():
        made, seq, kind = raw(section), int(section["seq"]), int(section["kind"])
        key_id = bytes(32) if kind == 1 else blake(b"cctm key id", epoch_secret)
        header = msgpack.packb(["cctm entry", 0, channel, log_id, seq, kind, key_id, prev])
        assert made["header"] == header
        assert made["digest"] == blake(b"cctm digest", header + made["body"])
        statement = msgpack.packb(["cctm sign entry", channel, made["digest"]])
        assert sodium.crypto_sign_open(made["sig"] + statement, public) == statement
        assert made["hash"] == blake(b"cctm hash", made["digest"] + made["sig"])
        on_wire = None if key_id == previous_key_id else key_id
        assert made["wire"] == msgpack.packb([seq, kind, on_wire, made["body"], made["sig"]])
        assert made["record"] == msgpack.packb([seq, kind, key_id, prev, made["body"], made["sig"]])
        if "events" in made:
            assert decode_code_untrusted(open_aead(key, made["body"], header), 1_000) == made["events"]
        prev, previous_key_id = made["hash"], key_id


def test_entries_as_a_chain():
    sections = read("entries.txt")
    log = raw(sections.pop("log"))
    verifier = LogVerifier(log["channel"], LogId(log["log"]))
    chain = [decode_record_untrusted(raw(section)["record"]) for section in sections.values()]
    verifier.admit_sealed_untrusted(chain)
    assert verifier.head == raw(sections["4 close"])["hash"]
    previous = None
    for sealed, section in zip(chain, sections.values(), strict=True):
        assert decode_wire_untrusted(raw(section)["wire"], previous) == sealed.entry
        assert encode_record(sealed) == raw(section)["record"]
        previous = sealed.entry.key_id


def test_grants():
    sections = read("grants.txt")
    grant = raw(sections["grant"])
    boxes, table = msgpack.unpackb(grant["body"])
    assert table == grant["table"]
    assert len(boxes) == int(sections["grant"]["boxes"])
    framed = open_aead(grant["grant_key"], table, grant["header"])
    assert framed[4 : 4 + int.from_bytes(framed[:4], "big")] == grant["table_plain"]
    for name in ("recipient 0", "recipient 1"):
        recipient = raw(sections[name])
        opened = [plain for boxed in boxes if (plain := try_box(boxed, recipient))]
        [framed] = opened
        assert framed[4 : 4 + int.from_bytes(framed[:4], "big")] == recipient["box_plain"]


def test_sharing():
    sections = read("sharing.txt")
    link = raw(sections["link"])
    before, token = bytes.fromhex(sections["link"]["text"]).decode().split("#")
    assert base64.urlsafe_b64decode(before.rpartition("/")[2] + "=") == link["channel"]
    checked = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert msgpack.unpackb(checked[4:]) == [0, link["secret"], 3, 7]
    assert checked[:4] == blake(b"cctm link check", link["channel"] + checked[4:])[:4]
    assert link["device_seed"] == blake(b"cctm link", link["channel"], link["secret"])
    seed = blake(b"cctm dev sign", b"", link["device_seed"])
    assert sodium.crypto_sign_seed_keypair(seed)[0] == link["sign_public"]
    access = raw(sections["access"])
    owner, listed, sig = msgpack.unpackb(access["signed"])
    public, secret = sodium.crypto_sign_seed_keypair(access["owner_seed"])
    assert owner == public
    statement = msgpack.packb(["cctm access", blake(b"cctm channel", public), listed])
    assert sodium.crypto_sign(statement, secret)[:64] == sig
    assert msgpack.unpackb(listed)[0] == int(sections["access"]["version"])
    proof = raw(sections["proof"])
    fields = [
        "cctm relay proof",
        proof["channel"],
        "https://relay.example",
        proof["challenge"],
        proof["nonce"],
    ]
    assert msgpack.packb(fields) == proof["statement"]
    _, secret = sodium.crypto_sign_seed_keypair(proof["member_seed"])
    assert sodium.crypto_sign(proof["statement"], secret)[:64] == proof["proof"]


def signed(data, purpose, signer_seed):
    """The fields of the live message *data*, once its signature was checked."""
    kind, sender, body, sig = msgpack.unpackb(data)
    public, _ = sodium.crypto_sign_seed_keypair(signer_seed)
    assert sender == public
    assert sodium.crypto_sign_open(sig + msgpack.packb(["cctm live", *purpose(kind), body]), public)
    return kind, body


def test_live_messages():
    sections = read("live.txt")
    who = raw(sections.pop("who"))
    host, _ = sodium.crypto_sign_seed_keypair(who["host_seed"])
    sign_seed = {name: blake(b"cctm dev sign", b"", who[f"{name}_seed"]) for name in ("guest", "link")}
    guest, _ = sodium.crypto_sign_seed_keypair(sign_seed["guest"])
    link, _ = sodium.crypto_sign_seed_keypair(sign_seed["link"])
    channel, key = who["channel"], who["box_key"]
    assert sodium.crypto_scalarmult_base(who["box_secret"]) == key

    def to(receiver):
        return lambda kind: (channel, kind, receiver)

    kind, body = signed(raw(sections.pop("hail"))["live"], to(host), sign_seed["guest"])
    assert (kind, msgpack.unpackb(body)[1:]) == (1, [key, True, 40_000])
    kind, body = signed(raw(sections.pop("first hail"))["live"], to(host), sign_seed["guest"])
    assert (kind, msgpack.unpackb(body)[1:]) == (1, [b"", False, None])
    kind, body = signed(raw(sections.pop("farewell"))["live"], to(guest), who["host_seed"])
    assert (kind, msgpack.unpackb(body)) == (4, [1])

    pulse = raw(sections.pop("pulse"))
    kind, body = signed(pulse["live"], to(guest), who["host_seed"])
    key_id = blake(b"cctm key id", pulse["epoch_secret"])
    live_key = blake(b"cctm live key", msgpack.packb([channel, 1]), pulse["epoch_secret"])
    aad = msgpack.packb(["cctm pulse", channel, guest, key_id])
    assert (kind, body[:32]) == (2, key_id)
    assert unframed(open_aead(live_key, body[32:], aad)) == pulse["plain"]
    fields = msgpack.unpackb(pulse["plain"])
    assert fields[3] == key
    assert [type(field) for field in fields] == [bytes, int, list, bytes, bytes, int, int, int, bytes, list]

    for name, section in sections.items():
        word = raw(section)
        sender = "link" if name == "word: enrol" else "guest"
        kind, body = signed(word["live"], to(host), sign_seed[sender])
        assert kind == 3
        opened = sodium.crypto_box_seal_open(body, key, who["box_secret"])
        assert unframed(opened) == word["plain"]
        assert body[:32] == sodium.crypto_box_seed_keypair(word["ephemeral_seed"])[0]
        said = msgpack.unpackb(word["plain"])
        assert said[:4] == ["cctm word", channel, key, link if sender == "link" else guest]
        if name == "word: enrol":
            assert said[5] == guest
            statement = msgpack.packb(["cctm enrol", channel, link, said[6], "Ann"])
            assert sodium.crypto_sign_open(said[8] + statement, guest) == statement
    assert len(sections) == 5


def unframed(framed):
    return framed[4 : 4 + int.from_bytes(framed[:4], "big")]


def try_box(boxed, recipient):
    try:
        return sodium.crypto_box_seal_open(boxed, recipient["box_public"], recipient["box_secret"])
    except CryptoError:
        return None


def test_every_person_and_purpose_is_covered():
    """The checks above use each by name; this says if one of them is missing."""
    checks = Path(__file__).read_text(encoding="utf-8")
    for person in (
        *("cctm dev sign", "cctm dev box", "cctm dev wrap", "cctm channel", "cctm log", "cctm key id"),
        *("cctm entry key", "cctm grant key", "cctm digest", "cctm hash", "cctm link", "cctm link check"),
        "cctm live key",
    ):
        assert f'b"{person}"' in checks
