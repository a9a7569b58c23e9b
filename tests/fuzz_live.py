"""What is fuzzed of live messages: envelopes, and what a member may put into them."""

import dataclasses

from cctm.protocol.access import Role
from cctm.protocol.codec import encode
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.keys import DeviceKeys, EpochSecret, KeyId, WriterId
from cctm.protocol.live import messages as lm
from cctm.protocol.live import words as lw
from cctm.protocol.live.box_keys import make_box_key
from cctm.protocol.live.decisions import Member, Moment, Standing
from cctm.protocol.live.driver import Driver
from cctm.protocol.live.envelope import Envelope, Kind, decode_live_untrusted, seal_live
from cctm.protocol.live.gate import Gate
from cctm.protocol.live.pulse import (
    Life,
    Present,
    Pulse,
    decode_pulse_untrusted,
    encode_pulse,
)
from cctm.protocol.seal import box, frame, seal
from tests.fuzzing import Target
from tests.samples import CHANNEL, DEVICE, EPOCH, HOST, PREDECESSOR, STREAM, drawn, nonce

MALFORMED = (MalformedError,)
SEALED = (MalformedError, OpenError)
GUEST = WriterId(DEVICE.sign_public)
LINK = DeviceKeys.from_seed(drawn("link"))
KEY = make_box_key(drawn("box key"), 0)
SESSION = drawn("session", 16)
ROSTER = {
    GUEST: Member(Standing.GUEST, Role.DRIVER, "Ann"),
    WriterId(LINK.sign_public): Member(Standing.LINK, Role.DRIVER, "a link"),
}
SECRETS: dict[KeyId, EpochSecret] = {EPOCH.key_id: EPOCH}
PULSES = [
    Pulse(b"", 1, (), KEY.public, b"", Life.ENDED, 0, 0, b"", ()),
    Pulse(
        drawn("hail", 16),
        1,
        (PREDECESSOR,),
        KEY.public,
        SESSION,
        Life.BEGUN,
        9,
        2,
        HOST.public,
        (Present(GUEST, "Ann", Role.DRIVER, 9, None), Present(HOST.public, "é", Role.OWNER, 0, 2**40)),
    ),
]
WORDS: list[lw.Word] = [
    lw.Input(SESSION, 0, 0, 0, b"ls\r"),
    lw.Input(SESSION, 2**40, 7, 2**62, bytes(300)),
    lw.make_enrol(DEVICE, CHANNEL, WriterId(LINK.sign_public), "Ann"),
    lw.Window(SESSION, 1, 80, 24),
    lw.Floor(SESSION, 2, lw.Wish.RELEASE),
    lw.Leave(),
]
HAILS = [lm.Hail(drawn("hail", 16), b"", True, None), lm.Hail(drawn("hail", 16), KEY.public, False, 2**40)]
FROM_GUEST = [
    *(lm.seal_hail(DEVICE, CHANNEL, HOST.public, hail) for hail in HAILS),
    *(lm.seal_word(DEVICE, CHANNEL, HOST.public, KEY.public, word, drawn("seed")) for word in WORDS),
]
FROM_HOST = [
    *(lm.seal_pulse(HOST, CHANNEL, GUEST, EPOCH, pulse, nonce(1)) for pulse in PULSES),
    lm.seal_farewell(HOST, CHANNEL, GUEST, lm.Why.ENDED),
]


MOMENT = Moment(1, STREAM, 1_000, (), EPOCH)
# What a gate and a driver draw is always the same here: inputs can be made for them.
GATE_KEY = make_box_key(drawn("drawn"), 0)
GATE_SESSION = drawn("drawn", 16)
TO_GATE = [
    lw.encode_word(CHANNEL, GATE_KEY.public, GUEST, word)
    for word in (
        lw.Input(GATE_SESSION, 0, 0, 0, b"ls"),
        lw.Window(GATE_SESSION, 0, 80, 24),
        lw.Floor(GATE_SESSION, 0, lw.Wish.REQUEST),
        lw.Leave(),
    )
]
TO_DRIVER = [dataclasses.replace(pulse, hail=drawn("drawn", 16)) for pulse in PULSES]


def _draw(size: int) -> bytes:
    return drawn("drawn", size)


def _body(kind: Kind, data: bytes) -> Envelope:
    """What somebody who may sign can send."""
    return Envelope(kind, GUEST, data)


def _hail_bytes(hail: lm.Hail) -> bytes:
    return encode((hail.nonce, hail.box_key, hail.begin, hail.round_trip_us))


def _word_bytes(word: lw.Word) -> bytes:
    return lw.encode_word(CHANNEL, KEY.public, GUEST, word)


def _boxed(data: bytes) -> lw.Word:
    """What anybody can seal to a box key."""
    envelope = _body(Kind.WORD, box(KEY.public, data, drawn("seed")))
    return lm.open_word_untrusted(envelope, CHANNEL, [KEY])[0]


def _gate(data: bytes) -> object:
    gate = Gate(CHANNEL, HOST, ROSTER.get, _draw)
    gate.open_for_input()
    return gate.take_untrusted(GUEST, data, MOMENT)


def _driver(data: bytes) -> object:
    driver = Driver(CHANNEL, HOST.public, DEVICE, Role.DRIVER, _draw)
    driver.due(1)
    return driver.take_untrusted(data, 2, SECRETS)


def _hostile_guest(data: bytes) -> object:
    """Whatever is inside, it comes sealed and signed by a driver who has a session."""
    gate = Gate(CHANNEL, HOST, ROSTER.get, _draw)
    gate.open_for_input()
    gate.take_untrusted(GUEST, FROM_GUEST[0], MOMENT)
    sealed = box(GATE_KEY.public, data, drawn("seed"))
    word = seal_live(DEVICE, CHANNEL, Kind.WORD, HOST.public, sealed)
    return gate.take_untrusted(GUEST, word, MOMENT)


def _hostile_host(data: bytes) -> object:
    """Whatever is inside, it comes sealed and signed by the host, and may answer the hail."""
    driver = Driver(CHANNEL, HOST.public, DEVICE, Role.DRIVER, _draw)
    driver.enrol(DEVICE, "Ann")
    driver.window(80, 24, 1)
    driver.due(1)
    key = lm._live_key(EPOCH, CHANNEL)
    sealed = seal(key, nonce(1), data, lm._pulse_aad(CHANNEL, GUEST, EPOCH.key_id))
    pulse = seal_live(HOST, CHANNEL, Kind.PULSE, GUEST, EPOCH.key_id + sealed)
    return driver.take_untrusted(pulse, 2, SECRETS), driver.type(b"ls", 0, 3), driver.due(10**8)


def targets() -> list[Target]:
    return [
        Target(
            "live message",
            decode_live_untrusted,
            FROM_GUEST + FROM_HOST,
            MALFORMED,
            lambda letter: encode((int(letter.kind), letter.sender, letter.body, letter.sig)),
        ),
        Target(
            "live message, signed",
            lambda data: lm.open_live_untrusted(CHANNEL, HOST.public, data),
            FROM_GUEST,
            SEALED,
        ),
        Target(
            "hail",
            lambda data: lm.open_hail_untrusted(_body(Kind.HAIL, data)),
            [_hail_bytes(hail) for hail in HAILS],
            MALFORMED,
            _hail_bytes,
        ),
        Target(
            "farewell",
            lambda data: lm.open_farewell_untrusted(_body(Kind.FAREWELL, data)),
            [encode((why,)) for why in (0, 1, 2)],
            MALFORMED,
            lambda why: encode((int(why),)),
        ),
        Target(
            "pulse, sealed",
            lambda data: lm.open_pulse_untrusted(_body(Kind.PULSE, data), CHANNEL, GUEST, SECRETS),
            [decode_live_untrusted(data).body for data in FROM_HOST[:2]],
            SEALED,
        ),
        Target(
            "pulse",
            decode_pulse_untrusted,
            [encode_pulse(pulse) for pulse in PULSES],
            MALFORMED,
            encode_pulse,
        ),
        Target(
            "word",
            lambda data: lw.decode_word_untrusted(data, CHANNEL, KEY.public, GUEST),
            [_word_bytes(word) for word in WORDS],
            SEALED,
            _word_bytes,
        ),
        Target("word, boxed", _boxed, [frame(_word_bytes(word)) for word in WORDS], SEALED),
        Target("gate", _gate, FROM_GUEST, ()),
        Target("hostile guest", _hostile_guest, [frame(plain) for plain in TO_GATE], ()),
        Target("hostile host", _hostile_host, [frame(encode_pulse(pulse)) for pulse in TO_DRIVER], ()),
        Target("driver", _driver, FROM_HOST, ()),
    ]
