"""Make the test vectors anew: `python -m tests.vectors.make`. Format: README.md beside this file.

They change only when the format does; a test holds them to what this makes, and to the primitives themselves.
"""

from collections.abc import Mapping
from pathlib import Path

from cctm.protocol import contents
from cctm.protocol import entry as en
from cctm.protocol import grant as gr
from cctm.protocol import keys as ks
from cctm.protocol.access import Role
from cctm.protocol.admission import AccessList, Verb, proof_statement, sign_access
from cctm.protocol.codec import encode
from cctm.protocol.entry import EntryKind, Place
from cctm.protocol.events import SHAPES, encode_events
from cctm.protocol.link import Link, encode_link
from cctm.protocol.live import messages as lm
from cctm.protocol.live import words as lw
from cctm.protocol.live.box_keys import make_box_key
from cctm.protocol.live.pulse import Life, Present, Pulse, encode_pulse
from cctm.protocol.origin import Origin
from cctm.protocol.seal import WRAP_ABOUT, WRAP_EPOCH, WRAP_WRITER, box, code, frame, seal, wrap
from cctm.protocol.sizes import padded_size
from tests import samples as sm

FOLDER = Path(__file__).parent
Fields = Mapping[str, bytes | int | str]

LOG = ks.log_id(sm.HOST.public, sm.CHANNEL, sm.INCARNATION, 1)
CHAIN = sm.host_log(([sm.OUTPUT, sm.DATA_EVENTS[3]],))
# zstd may compress the same in many ways. This is one; a decoder must read it, an encoder need not make it.
ZSTD_PLAIN = b"a" * 600
ZSTD_FRAME = bytes.fromhex("28b52ffd6058014d00001061610100532a8005")


def codec() -> dict[str, Fields]:
    good = {
        "nil": None,
        "booleans": [True, False],
        "numbers up": [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1],
        "numbers down": [-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -(2**63)],
        "bytes": [b"", b"a", b"b" * 255, b"c" * 256],
        "texts": ["", "é", "d" * 31, "e" * 32, "f" * 256],
        "arrays": [[], [[]], list(range(16))],
    }
    bad = {
        "number not shortest": "cc7f",
        "number below zero not shortest": "d0e0",
        "bytes not shortest": "c5000161",
        "text not shortest": "d90161",
        "array not shortest": "dc000100",
        "map": "80",
        "float": "ca00000000",
        "extension": "d40000",
        "text that is not UTF-8": "a3eda080",
        "cut short": "c40261",
        "trailing bytes": "0000",
        "17 deep": "91" * 17 + "00",
    }
    return {
        **{name: {"encoded": encode(value)} for name, value in good.items()},
        **{f"refused: {name}": {"malformed": bytes.fromhex(hexed)} for name, hexed in bad.items()},
    }


def keys() -> dict[str, Fields]:
    message = ks.statement("cctm sign entry", sm.CHANNEL, sm.drawn("digest"))
    return {
        "device": {
            "seed": sm.DEVICE.seed,
            "sign_public": sm.DEVICE.sign_public,
            "box_secret": sm.DEVICE.box_secret,
            "box_public": sm.DEVICE.box_public,
            "wrap_key": sm.DEVICE.wrap_key,
        },
        "writer": {"seed": sm.HOST.seed, "public": sm.HOST.public, "channel": sm.CHANNEL},
        "log": {
            "writer": sm.HOST.public,
            "channel": sm.CHANNEL,
            "incarnation": sm.INCARNATION,
            "generation": 1,
            "log": LOG,
        },
        "epoch": {
            "number": sm.EPOCH.number,
            "secret": sm.EPOCH.secret,
            "channel": sm.CHANNEL,
            "log": LOG,
            "key_id": sm.EPOCH.key_id,
            "entry_key": ks.entry_key(sm.EPOCH, sm.CHANNEL, LOG),
            "grant_key": ks.grant_key(sm.EPOCH, sm.CHANNEL, LOG),
        },
        "signature": {
            "writer_seed": sm.HOST.seed,
            "channel": sm.CHANNEL,
            "digest": sm.drawn("digest"),
            "statement": message,
            "sig": sm.HOST.sign(message),
        },
    }


def seals() -> dict[str, Fields]:
    nonce, key, wrap_key = sm.nonce(1), sm.drawn("key"), sm.DEVICE.wrap_key
    used = 9 + len(ZSTD_FRAME)
    head = b"\x01" + len(ZSTD_PLAIN).to_bytes(4, "big") + len(ZSTD_FRAME).to_bytes(4, "big")
    boxed = frame(b"for the device")
    wraps = {
        WRAP_WRITER: ((sm.CHANNEL,), sm.HOST.seed),
        WRAP_EPOCH: ((sm.CHANNEL, 1), sm.EPOCH.secret),
        WRAP_ABOUT: ((sm.CHANNEL,), b"about"),
    }
    return {
        "padded sizes": {
            str(size): padded_size(size) for size in (0, 64, 65, 100, 1_000, 65_545, 2**20 + 9, 2**25 + 9)
        },
        "code, plain": {"plain": b"hello", "padded": code(b"hello")},
        "code, zstd": {
            "plain": ZSTD_PLAIN,
            "padded": head + ZSTD_FRAME + bytes(padded_size(used) - used),
        },
        "frame": {"plain": b"hello", "padded": frame(b"hello")},
        "sealed": {
            "key": key,
            "nonce": nonce,
            "padded": code(b"hello"),
            "aad": b"aad",
            "sealed": seal(key, nonce, code(b"hello"), b"aad"),
        },
        "box": {
            "ephemeral_seed": sm.drawn("ephemeral"),
            "recipient": sm.DEVICE.box_public,
            "recipient_secret": sm.DEVICE.box_secret,
            "framed": boxed,
            "box": box(sm.DEVICE.box_public, boxed, sm.drawn("ephemeral")),
        },
        **{
            purpose: {
                "wrap_key": wrap_key,
                "aad": encode((purpose, *context)),
                "nonce": nonce,
                "plain": plain,
                "wrapped": wrap(wrap_key, purpose, context, plain, nonce),
            }
            for purpose, (context, plain) in wraps.items()
        },
    }


def events() -> dict[str, Fields]:
    kinds = {shape.event: kind for kind, shape in SHAPES.items()}
    every = (*sm.DATA_EVENTS, sm.KEYFRAME, sm.EMPTY_KEYFRAME, sm.CLOSED)
    return {
        f"{kinds[type(event)]} {type(event).__name__.lower()} {number}": {"encoded": encode_events([event])}
        for number, event in enumerate(every)
    }


def sharing() -> dict[str, Fields]:
    link = Link(Origin("https", "relay.example", 443), sm.CHANNEL, sm.drawn("link", 16), 3, 7)
    members = {sm.MEMBER.public: Verb.READ | Verb.LIVE, sm.DEVICE.sign_public: Verb.READ}
    access = AccessList(sm.HOST.public, 5, members, 1_000_000)
    signed = proof_statement(sm.CHANNEL, "https://relay.example", sm.drawn("challenge"), sm.drawn("nonce"))
    return {
        "link": {
            "text": encode_link(link).encode(),
            "channel": link.channel,
            "secret": link.secret,
            "generation": 3,
            "epoch": 7,
            "device_seed": link.device.seed,
            "sign_public": link.device.sign_public,
        },
        "access": {"owner_seed": sm.HOST.seed, "version": 5, "signed": sign_access(access, sm.HOST)},
        "proof": {
            "member_seed": sm.MEMBER.seed,
            "channel": sm.CHANNEL,
            "challenge": sm.drawn("challenge"),
            "nonce": sm.drawn("nonce"),
            "statement": signed,
            "proof": sm.MEMBER.sign(signed),
        },
    }


def live() -> dict[str, Fields]:
    link, guest = ks.DeviceKeys.from_seed(sm.drawn("link device")), sm.DEVICE
    to, who = sm.HOST.public, ks.WriterId(guest.sign_public)
    key = make_box_key(sm.drawn("box key"), 0)
    session, hail = sm.drawn("session", 16), sm.drawn("hail", 16)
    person = Present(who, "Ann", Role.DRIVER, 9_000_000, None)
    pulse = Pulse(
        hail, 1, (sm.PREDECESSOR,), key.public, session, Life.BEGUN, 0, 2, sm.HOST.public, (person,)
    )
    words: dict[str, tuple[ks.DeviceKeys, lw.Word]] = {
        "input": (guest, lw.Input(session, 0, 2, 1_000, b"ls\r")),
        "enrol": (link, lw.make_enrol(guest, sm.CHANNEL, ks.WriterId(link.sign_public), "Ann")),
        "window": (guest, lw.Window(session, 1, 132, 43)),
        "floor": (guest, lw.Floor(session, 2, lw.Wish.RELEASE)),
        "leave": (guest, lw.Leave()),
    }
    return {
        "who": {
            "channel": sm.CHANNEL,
            "host_seed": sm.HOST.seed,
            "guest_seed": guest.seed,
            "link_seed": link.seed,
            "box_secret": key.secret,
            "box_key": key.public,
        },
        "hail": {"live": lm.seal_hail(guest, sm.CHANNEL, to, lm.Hail(hail, key.public, True, 40_000))},
        "first hail": {"live": lm.seal_hail(guest, sm.CHANNEL, to, lm.Hail(hail, b"", False, None))},
        "pulse": {
            "epoch": 1,
            "epoch_secret": sm.EPOCH.secret,
            "nonce": sm.nonce(1),
            "plain": encode_pulse(pulse),
            "live": lm.seal_pulse(sm.HOST, sm.CHANNEL, who, sm.EPOCH, pulse, sm.nonce(1)),
        },
        "farewell": {"live": lm.seal_farewell(sm.HOST, sm.CHANNEL, who, lm.Why.REMOVED)},
        **{
            f"word: {name}": {
                "plain": lw.encode_word(sm.CHANNEL, key.public, ks.WriterId(sender.sign_public), word),
                "ephemeral_seed": sm.drawn("ephemeral"),
                "live": lm.seal_word(sender, sm.CHANNEL, to, key.public, word, sm.drawn("ephemeral")),
            }
            for name, (sender, word) in words.items()
        },
    }


def entries() -> dict[str, Fields]:
    sections: dict[str, Fields] = {
        "log": {
            "writer_seed": sm.HOST.seed,
            "channel": sm.CHANNEL,
            "log": LOG,
            "epoch": sm.EPOCH.number,
            "epoch_secret": sm.EPOCH.secret,
        }
    }
    previous = None
    for sealed in CHAIN:
        entry = sealed.entry
        place = Place(sm.CHANNEL, LOG, entry.seq, entry.kind, entry.key_id, sealed.prev)
        digest = en.digest(place, entry.body)
        fields: dict[str, bytes | int | str] = {
            "seq": entry.seq,
            "kind": int(entry.kind),
            "header": en.header(place),
            "body": entry.body,
            "digest": digest,
            "sig": entry.sig,
            "hash": en.entry_hash(digest, entry.sig),
            "wire": en.encode_wire(entry, previous),
            "record": en.encode_record(sealed),
        }
        if entry.kind not in {EntryKind.OPEN, EntryKind.GRANT}:
            opened = contents.open_events(place, ks.entry_key(sm.EPOCH, sm.CHANNEL, LOG), entry.body)
            fields["events"] = encode_events(opened)
        sections[f"{entry.seq} {entry.kind.name.lower()}"] = fields
        previous = entry.key_id
    return sections


def grants() -> dict[str, Fields]:
    body = CHAIN[1].entry.body
    boxes, table = gr.decode_grant_body_untrusted(body)
    place = Place(sm.CHANNEL, LOG, 1, EntryKind.GRANT, sm.EPOCH.key_id, CHAIN[1].prev)
    roles = [[member, int(role)] for member, role in sorted(sm.TABLE.roles.items())]
    return {
        "grant": {
            "header": en.header(place),
            "body": body,
            "boxes": len(boxes),
            "table": table,
            "grant_key": ks.grant_key(sm.EPOCH, sm.CHANNEL, LOG),
            "table_plain": encode(["cctm grant", 1, roles, sorted(sm.TABLE.cuts)]),
        },
        **{
            f"recipient {number}": {
                "box_secret": device.box_secret,
                "box_public": device.box_public,
                "box_plain": encode(
                    ["cctm grant box", sm.CHANNEL, 1, device.box_public, [[1, sm.EPOCH.secret]]],
                ),
            }
            for number, device in enumerate((sm.DEVICE, sm.OTHER_DEVICE))
        },
    }


FILES = {
    "codec.txt": codec,
    "keys.txt": keys,
    "seals.txt": seals,
    "events.txt": events,
    "entries.txt": entries,
    "grants.txt": grants,
    "sharing.txt": sharing,
    "live.txt": live,
}


def render(sections: Mapping[str, Fields]) -> str:
    blocks = [
        "\n".join(
            [
                f"[{name}]",
                *(
                    f"{key} = {value.hex() if isinstance(value, bytes) else value}"
                    for key, value in fields.items()
                ),
            ]
        )
        for name, fields in sections.items()
    ]
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    for name, make in FILES.items():
        (FOLDER / name).write_text(render(make()), encoding="utf-8")
