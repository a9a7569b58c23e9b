"""cctm.protocol.live.messages: what is sealed and signed for one opens for that one, and as that."""

import dataclasses

import pytest

from cctm.protocol.access import Role
from cctm.protocol.codec import encode
from cctm.protocol.errors import LocalError, MalformedError, OpenError
from cctm.protocol.keys import EpochSecret, WriterId, WriterKey
from cctm.protocol.live import messages as lm
from cctm.protocol.live import words as lw
from cctm.protocol.live.box_keys import is_box_key, make_box_key
from cctm.protocol.live.decisions import Type
from cctm.protocol.live.envelope import Envelope, Kind, decode_live_untrusted, seal_live
from cctm.protocol.live.pulse import (
    MAX_PEOPLE,
    Life,
    Present,
    Pulse,
    decode_pulse_untrusted,
    encode_pulse,
    those_that_fit,
)
from live_parts import ANN, BOB, LINK, SECRETS, who
from samples import CHANNEL, EPOCH, HOST, NEXT_EPOCH, OTHER_CHANNEL, PREDECESSOR, drawn, nonce

KEY = make_box_key(drawn("box key"), 0)
OLDER_KEY = make_box_key(drawn("older box key"), 0)
SESSION = drawn("session", 16)
PERSON = Present(who(ANN), "Ann", Role.DRIVER, 9, None)
PULSE = Pulse(drawn("hail", 16), 1, (PREDECESSOR,), KEY.public, SESSION, Life.LIVES, 3, 1, b"", (PERSON,))
HAIL = lm.Hail(drawn("hail", 16), KEY.public, True, 40_000)
WORDS = [
    lw.Input(SESSION, 7, 1, 1_000, b"ls\r"),
    lw.make_enrol(BOB, CHANNEL, who(LINK), "Bob"),
    lw.Window(SESSION, 8, 80, 24),
    lw.Floor(SESSION, 9, lw.Wish.REQUEST),
    lw.Leave(),
]
# Points of small order, and the one that is no point's at all: a secret agreed with them is known to everybody.
SMALL = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


def word_of(sender, word, key=KEY, channel=CHANNEL, to=HOST.public):
    return lm.seal_word(sender, channel, to, key.public, word, drawn("seed"))


def opened(data, channel=CHANNEL, to=HOST.public):
    return lm.open_live_untrusted(channel, to, data)


def pulse_for(keys, pulse=PULSE, epoch=EPOCH, channel=CHANNEL):
    return lm.seal_pulse(HOST, channel, who(keys), epoch, pulse, nonce(1))


def test_a_hail_is_opened_as_it_was_sealed():
    envelope = opened(lm.seal_hail(ANN, CHANNEL, HOST.public, HAIL))
    assert (envelope.kind, envelope.sender) == (Kind.HAIL, who(ANN))
    assert lm.open_hail_untrusted(envelope) == HAIL


@pytest.mark.parametrize("word", WORDS, ids=lambda word: type(word).__name__)
def test_a_word_is_opened_as_it_was_sealed(word):
    envelope = opened(word_of(ANN, word))
    assert lm.open_word_untrusted(envelope, CHANNEL, [OLDER_KEY, KEY]) == (word, KEY)


def test_a_pulse_is_opened_as_it_was_sealed():
    envelope = opened(pulse_for(ANN), to=who(ANN))
    assert envelope.sender == HOST.public
    assert lm.open_pulse_untrusted(envelope, CHANNEL, who(ANN), SECRETS) == PULSE


@pytest.mark.parametrize("why", lm.Why)
def test_a_farewell_is_opened_as_it_was_sealed(why):
    envelope = opened(lm.seal_farewell(HOST, CHANNEL, who(ANN), why), to=who(ANN))
    assert lm.open_farewell_untrusted(envelope) is why


@pytest.mark.parametrize(
    ("channel", "to"), [(OTHER_CHANNEL, HOST.public), (CHANNEL, who(BOB)), (CHANNEL, who(ANN))]
)
def test_what_was_sent_elsewhere_does_not_open(channel, to):
    for data in (word_of(ANN, WORDS[0]), lm.seal_hail(ANN, CHANNEL, HOST.public, HAIL)):
        with pytest.raises(OpenError):
            opened(data, channel, to)


@pytest.mark.parametrize("kind", Kind)
def test_what_was_signed_as_one_kind_is_not_another(kind):
    letter = decode_live_untrusted(word_of(ANN, WORDS[0]))
    changed = encode((int(kind), letter.sender, letter.body, letter.sig))
    if kind is Kind.WORD:
        opened(changed)
        return
    with pytest.raises(OpenError):
        opened(changed)


@pytest.mark.parametrize("field", ["sender", "body", "sig"])
def test_each_flipped_byte_is_noticed(field):
    letter = decode_live_untrusted(word_of(ANN, WORDS[0]))
    for at in range(len(getattr(letter, field))):
        changed = bytearray(getattr(letter, field))
        changed[at] ^= 1
        other = dataclasses.replace(letter, **{field: bytes(changed)})
        with pytest.raises(OpenError):
            opened(encode((int(other.kind), other.sender, other.body, other.sig)))


def test_another_s_box_under_one_s_own_signature_is_refused():
    stolen = decode_live_untrusted(word_of(ANN, WORDS[0])).body
    envelope = opened(seal_live(BOB, CHANNEL, Kind.WORD, HOST.public, stolen))
    assert envelope.sender == who(BOB)
    with pytest.raises(OpenError):
        lm.open_word_untrusted(envelope, CHANNEL, [KEY])


def test_a_word_of_one_channel_does_not_open_in_another_with_the_same_box_key():
    body = decode_live_untrusted(word_of(ANN, WORDS[0], channel=OTHER_CHANNEL)).body
    with pytest.raises(OpenError):
        lm.open_word_untrusted(Envelope(Kind.WORD, who(ANN), body), CHANNEL, [KEY])


def test_a_word_to_a_key_that_is_forgotten_does_not_open():
    with pytest.raises(OpenError):
        lm.open_word_untrusted(opened(word_of(ANN, WORDS[0], OLDER_KEY)), CHANNEL, [KEY])
    with pytest.raises(OpenError):
        lm.open_word_untrusted(opened(word_of(ANN, WORDS[0])), CHANNEL, [])


def test_a_pulse_opens_for_its_reader_its_channel_and_its_epoch_only():
    body = opened(pulse_for(ANN), to=who(ANN)).body
    envelope = Envelope(Kind.PULSE, HOST.public, body)
    for channel, to, secrets in (
        (OTHER_CHANNEL, who(ANN), SECRETS),
        (CHANNEL, who(BOB), SECRETS),
        (CHANNEL, who(ANN), {NEXT_EPOCH.key_id: NEXT_EPOCH}),
        (CHANNEL, who(ANN), {EPOCH.key_id: NEXT_EPOCH}),
        (CHANNEL, who(ANN), {}),
    ):
        with pytest.raises(OpenError):
            lm.open_pulse_untrusted(envelope, channel, to, secrets)


def test_a_pulse_that_names_another_epoch_than_its_key_is_refused():
    data = pulse_for(ANN, dataclasses.replace(PULSE, epoch=2))
    with pytest.raises(OpenError):
        lm.open_pulse_untrusted(opened(data, to=who(ANN)), CHANNEL, who(ANN), SECRETS)


def test_one_secret_under_two_numbers_gives_two_keys():
    renumbered = EpochSecret(2, EPOCH.secret)
    data = pulse_for(ANN, dataclasses.replace(PULSE, epoch=2), renumbered)
    with pytest.raises(OpenError):
        lm.open_pulse_untrusted(opened(data, to=who(ANN)), CHANNEL, who(ANN), SECRETS)


@pytest.mark.parametrize("opens", [lm.open_hail_untrusted, lm.open_farewell_untrusted])
def test_what_is_of_another_kind_is_not_looked_into(opens):
    with pytest.raises(MalformedError):
        opens(opened(word_of(ANN, WORDS[0])))
    with pytest.raises(MalformedError):
        lm.open_word_untrusted(opened(lm.seal_hail(ANN, CHANNEL, HOST.public, HAIL)), CHANNEL, [KEY])


def test_a_keystroke_a_window_and_a_leave_look_alike():
    sizes = {
        len(word_of(ANN, word))
        for word in (lw.Input(SESSION, 0, 0, 0, b"x"), lw.Input(SESSION, 99, 9, 2**40, b"y" * 40), *WORDS[2:])
    }
    assert len(sizes) == 1


@pytest.mark.parametrize("public", [*SMALL, b"", bytes(31), drawn("k") + b"x"])
def test_nothing_is_sealed_to_what_is_no_key(public):
    assert not is_box_key(public)
    with pytest.raises(LocalError):
        lm.seal_word(ANN, CHANNEL, HOST.public, public, lw.Leave(), drawn("seed"))
    with pytest.raises(MalformedError):
        decode_pulse_untrusted(encode_pulse(dataclasses.replace(PULSE, box_key=public)))
    enrol = lw.Enrol(who(BOB), public, "Bob", bytes(64))
    with pytest.raises(MalformedError):
        lw.decode_word_untrusted(
            lw.encode_word(CHANNEL, KEY.public, who(LINK), enrol), CHANNEL, KEY.public, who(LINK)
        )


@pytest.mark.parametrize("label", ["", "-x", "a" * 65, "a\x1b[m", "a\u202eb"])
def test_a_label_that_could_lie_is_refused(label):
    enrol = lw.make_enrol(BOB, CHANNEL, who(LINK), label)
    plain = lw.encode_word(CHANNEL, KEY.public, who(LINK), enrol)
    with pytest.raises(MalformedError):
        lw.decode_word_untrusted(plain, CHANNEL, KEY.public, who(LINK))
    person = dataclasses.replace(PERSON, label=label)
    with pytest.raises(MalformedError):
        decode_pulse_untrusted(encode_pulse(dataclasses.replace(PULSE, people=(person,))))


@pytest.mark.parametrize("data", [b"", b"x" * 16_385])
def test_input_is_neither_empty_nor_above_its_limit(data):
    plain = lw.encode_word(CHANNEL, KEY.public, who(ANN), lw.Input(SESSION, 0, 0, 0, data))
    with pytest.raises(MalformedError):
        lw.decode_word_untrusted(plain, CHANNEL, KEY.public, who(ANN))


def test_the_largest_input_fits():
    word = lw.Input(SESSION, 2**62, 2**62, 2**62, b"x" * lw.MAX_INPUT_BYTES)
    assert lm.open_word_untrusted(opened(word_of(ANN, word)), CHANNEL, [KEY])[0] == word


def test_who_does_not_fit_into_a_pulse_is_left_out():
    crowd = [dataclasses.replace(PERSON, who=WriterId(drawn(f"who {number}"))) for number in range(900)]
    assert those_that_fit(crowd) == tuple(crowd[:MAX_PEOPLE])
    long_names = [dataclasses.replace(person, label="\U0001f600" * 64, idle_us=2**62) for person in crowd]
    fitting = those_that_fit(long_names)
    assert 32 < len(fitting) < MAX_PEOPLE
    assert fitting == tuple(long_names[: len(fitting)])
    full = dataclasses.replace(PULSE, heads=(PREDECESSOR,) * 16, people=fitting)
    envelope = opened(pulse_for(ANN, full), to=who(ANN))
    assert lm.open_pulse_untrusted(envelope, CHANNEL, who(ANN), SECRETS) == full


def test_a_pulse_above_its_limit_is_a_mistake_of_ours():
    crowd = (dataclasses.replace(PERSON, label="x" * 60),) * MAX_PEOPLE
    with pytest.raises(LocalError):
        encode_pulse(dataclasses.replace(PULSE, people=crowd))


def test_an_enrolment_is_the_enrolled_key_s_own_for_one_link_and_one_channel():
    enrol = lw.make_enrol(BOB, CHANNEL, who(LINK), "Bob")
    assert lw.is_for(enrol, CHANNEL, who(LINK))
    assert not lw.is_for(enrol, CHANNEL, who(ANN))
    assert not lw.is_for(enrol, OTHER_CHANNEL, who(LINK))
    for change in ({"sign_key": who(ANN)}, {"box_key": ANN.box_public}, {"label": "Eve"}):
        assert not lw.is_for(dataclasses.replace(enrol, **change), CHANNEL, who(LINK))


def test_what_was_typed_is_in_no_repr():
    for typed in (lw.Input(SESSION, 0, 0, 0, b"hunter2"), Type(who(ANN), b"hunter2")):
        assert "hunter2" not in repr(typed)


def test_box_keys_and_seeds_are_in_no_repr():
    assert repr(KEY.secret)[2:-1] not in repr(KEY)
    assert KEY.secret.hex() not in repr(KEY)


def test_a_live_message_above_its_limit_is_a_mistake_of_ours():
    with pytest.raises(LocalError):
        seal_live(WriterKey.from_seed(drawn("w")), CHANNEL, Kind.PULSE, who(ANN), bytes(33_000))


@pytest.mark.parametrize("what", [0, 6, 2**40])
def test_a_word_of_no_known_kind_is_malformed(what):
    plain = encode(("cctm word", CHANNEL, KEY.public, who(ANN), what))
    with pytest.raises(MalformedError):
        lw.decode_word_untrusted(plain, CHANNEL, KEY.public, who(ANN))
