"""What a relay, a viewer, a former guest, a member of bad faith achieve with live messages (SPEC.md §16.10): nothing.

Each test says who does what; what is asserted is that it came to nothing but delay.
"""

import pytest

from cctm.protocol.codec import encode
from cctm.protocol.live.decisions import Came, Type
from cctm.protocol.live.effects import Loss
from cctm.protocol.live.envelope import Kind, decode_live_untrusted, seal_live
from cctm.protocol.live.gate import Gate
from cctm.protocol.live.messages import Why, seal_farewell
from cctm.protocol.live.pulse import Life
from cctm.protocol.live.words import Leave, make_enrol
from live_parts import ANN, BOB, EVE, LINK, SECOND, Crafted, Draw, Host, Reader, who
from samples import CHANNEL, HOST, MEMBER, OTHER_CHANNEL, drawn


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def ann(host):
    ann = Crafted(host, ANN)
    ann.begin()
    return ann


def frame_of(ann, k=0, data=b"x"):
    """A frame as the relay gets it."""
    kept = []
    take, ann.host.take = ann.host.take, lambda sent, peer: kept.append(sent) or []
    ann.input(k, data)
    ann.host.take = take
    return kept[0]


# --- the relay


def test_a_frame_that_is_replayed_runs_once_and_ends_the_session(host, ann):
    frame = frame_of(ann)
    host.take(frame, who(ANN))
    told = ann.heard(host.take(frame, who(ANN)))
    assert (told.life, told.ran) == (Life.ENDED, 1)
    assert host.typed(ANN) == b"x"


def test_a_frame_that_is_replayed_into_the_next_session_is_nothing_there(host, ann):
    frame = frame_of(ann)
    host.take(frame, who(ANN))
    ann.hail(begin=True)
    assert host.take(frame, who(ANN)) == []
    ann.input(0, b"y")
    assert host.typed(ANN) == b"xy"


def test_a_frame_for_one_start_of_the_daemon_is_nothing_to_the_next(host, ann):
    frame = frame_of(ann)
    later = Host(now_us=host.now_us)
    later.gate = Gate(CHANNEL, HOST, later.roster.get, Draw("another start"))
    later.gate.open_for_input()
    Crafted(later, ANN).begin()
    assert later.take(frame, who(ANN)) == []
    assert later.typed(ANN) == b""


def test_a_frame_for_one_terminal_is_nothing_to_another(host, ann):
    elsewhere = Host()
    elsewhere.gate = Gate(OTHER_CHANNEL, MEMBER, elsewhere.roster.get, Draw("host"))  # with the same box keys
    elsewhere.gate.open_for_input()
    assert elsewhere.take(frame_of(ann), who(ANN)) == []
    assert elsewhere.take(ann.hail_bytes(begin=True), who(ANN)) == []


def test_a_hail_of_long_ago_shows_nobody_as_here_and_ends_no_session(host, ann):
    old = [ann.hail_bytes(), ann.hail_bytes(begin=True)]
    host.now_us += 31 * SECOND
    host.tick()
    assert host.gate.people(host.now_us) == []
    for hail in old:
        host.take(hail, who(ANN))
    host.tick()
    assert host.gate.people(host.now_us) == []
    again = Crafted(host, ANN)
    again.hail()
    again.hail(begin=True)
    session = again.pulse.session
    host.now_us += SECOND
    host.take(old[1], who(ANN))
    again.input(0, b"y", session=session)
    assert host.typed(ANN) == b"y"


def test_a_hail_that_began_a_session_does_not_begin_another_when_it_comes_twice(host):
    ann = Crafted(host, ANN)
    ann.hail()
    hail = ann.hail_bytes(begin=True)
    ann.heard(host.take(hail, who(ANN)))
    ann.input(0, b"a")
    host.take(hail, who(ANN))
    ann.input(1, b"b")
    assert host.typed(ANN) == b"ab"


def test_a_pulse_that_is_replayed_confirms_nothing(host):
    eve = Reader(host, EVE)
    eve.do(eve.driver.due(host.now_us))
    answers = host.take(eve.to_host.pop())
    eve.hear(answers)
    until = eve.driver.hailing.confirmed_until_us
    host.now_us += 20 * SECOND
    eve.hear(answers)
    assert eve.driver.hailing.confirmed_until_us == until
    again = Reader(host, EVE, label="again")
    again.do(again.driver.due(host.now_us))
    again.hear(answers)
    assert again.driver.pulse is None


def test_an_answer_that_is_held_back_until_a_later_one_came_is_nothing(host):
    eve = Reader(host, EVE)
    held = []
    for _ in range(2):
        eve.do(eve.driver.due(host.now_us))
        held.append(host.take(eve.to_host.pop()))
        host.now_us += 3 * SECOND
    eve.hear(held[1])
    newest = eve.driver.pulse
    eve.hear(held[0])
    assert eve.driver.pulse is newest


def test_what_was_told_of_an_older_session_ends_no_later_one(host):
    ann = Reader(host, ANN)
    ann.settle()
    ann.type(b"a")
    ann.type(b"b")
    del ann.to_host[0]
    told = host.take(ann.to_host.pop())
    ann.hear(told)
    assert ann.dropped() == [(2, Loss.REFUSED)]
    ann.wait(SECOND)
    assert ann.driver.can_type
    ann.hear(told)
    assert ann.driver.can_type
    assert ann.dropped() == [(2, Loss.REFUSED)]


def test_one_reader_s_pulse_is_nothing_to_another(host, ann):
    bob = Reader(host, BOB)
    bob.do(bob.driver.due(host.now_us))
    [answer] = host.take(bob.to_host[0])
    eve = Reader(host, EVE)
    eve.do(eve.driver.take_untrusted(answer.data, host.now_us, {}))
    assert eve.driver.pulse is None


def test_what_the_relay_says_of_a_sender_does_not_count(host, ann):
    host.take(frame_of(ann), who(BOB))
    assert host.did(Type) == [Type(who(ANN), b"x")]


def test_a_sender_s_name_is_worth_nothing_without_its_signature(host, ann):
    letter = decode_live_untrusted(frame_of(ann))
    bob = Crafted(host, BOB)
    bob.begin()
    for sender, sig in ((who(BOB), letter.sig), (letter.sender, bytes(64)), (who(BOB), bytes(64))):
        host.take(encode((int(letter.kind), sender, letter.body, sig)), sender)
    assert host.typed(ANN) == host.typed(BOB) == b""


def test_each_byte_of_a_frame_counts(host, ann):
    frame = frame_of(ann)
    for at in range(len(frame)):
        host.now_us += 4_000  # so that it is not the rate that refuses
        changed = bytearray(frame)
        changed[at] ^= 1
        host.take(bytes(changed), who(ANN))
    assert host.typed(ANN) == b""


# --- a member of bad faith


def test_another_s_frame_under_one_s_own_signature_types_nothing(host, ann):
    bob = Crafted(host, BOB)
    bob.begin()
    stolen = decode_live_untrusted(frame_of(ann)).body
    host.take(seal_live(BOB, CHANNEL, Kind.WORD, HOST.public, stolen), who(BOB))
    assert host.typed(BOB) == host.typed(ANN) == b""
    ann.input(0, b"still lives")
    assert host.typed(ANN) == b"still lives"


def test_another_s_session_is_no_way_in(host, ann):
    bob = Crafted(host, BOB)
    bob.begin()
    assert bob.input(0, b"b", session=ann.pulse.session) is None
    ann.input(0, b"a")
    assert (host.typed(ANN), host.typed(BOB)) == (b"a", b"")


def test_a_viewer_who_knows_everything_types_nothing(host, ann):
    eve = Crafted(host, EVE)
    eve.begin()
    for session in (ann.pulse.session, drawn("session", 16)):
        eve.input(0, b"rm", session=session)
    assert host.typed(EVE) == b""
    assert eve.pulse.session == b""


def test_who_is_on_no_list_is_not_answered(host):
    stranger = Crafted(host, type(ANN).from_seed(drawn("stranger")))
    assert stranger.hail(begin=True) is None
    assert host.decided == []


def test_a_guest_that_was_removed_is_as_if_it_had_never_been(host, ann):
    frame, leave = frame_of(ann), ann.word_bytes(Leave())
    del host.roster[who(ANN)]
    for data in (frame, leave, ann.hail_bytes(begin=True)):
        assert host.take(data, who(ANN)) == []
    assert host.typed(ANN) == b""


def test_a_removed_guest_s_enrolment_of_before_enrols_nobody(host):
    link = Crafted(host, LINK)
    link.hail()
    enrol = link.word_bytes(make_enrol(ANN, CHANNEL, who(LINK), "Ann"))
    host.roster.pop(who(ANN))
    host.roster.pop(who(LINK))  # a kicked guest goes with its link
    host.take(enrol, who(LINK))
    assert host.decided == []


def test_an_enrolment_under_one_link_is_worth_nothing_to_the_holder_of_another(host):
    other = type(ANN).from_seed(drawn("other link"))
    host.roster[who(other)] = host.roster[who(LINK)]
    cid = type(ANN).from_seed(drawn("cid"))
    crafted = Crafted(host, other)
    crafted.hail()
    crafted.say(make_enrol(cid, CHANNEL, who(LINK), "Cid"))
    assert host.decided == []


def test_a_reader_cannot_speak_as_the_host(host):
    ann = Reader(host, ANN)
    ann.do(ann.driver.due(host.now_us))
    [answer] = host.take(ann.to_host[0])
    body = decode_live_untrusted(answer.data).body
    for kind, said in ((Kind.PULSE, body), (Kind.FAREWELL, encode((1,)))):
        forged = seal_live(EVE, CHANNEL, kind, who(ANN), said)
        assert ann.driver.take_untrusted(forged, host.now_us, {}) == []
    assert ann.driver.pulse is None


def test_one_reader_s_farewell_is_nothing_to_another(host):
    bob = Reader(host, BOB)
    farewell = seal_farewell(HOST, CHANNEL, who(ANN), Why.REMOVED)
    assert bob.driver.take_untrusted(farewell, host.now_us, {}) == []


def test_nobody_is_here_twice(host, ann):
    for _ in range(3):
        host.now_us += SECOND
        ann.hail()
    assert host.did(Came) == [Came(who(ANN), "Ann")]
    assert len(host.gate.people(host.now_us)) == 1
