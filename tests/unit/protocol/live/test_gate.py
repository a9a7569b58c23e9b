"""cctm.protocol.live.gate: what a host does about what comes."""

import dataclasses

import pytest

from cctm.protocol.access import Role
from cctm.protocol.live.decisions import Came, Enlist, Fit, Hold, Request, Type, Went
from cctm.protocol.live.messages import Why, seal_farewell
from cctm.protocol.live.pulse import Life
from cctm.protocol.live.seats import GOODBYES, INPUT_BYTES
from cctm.protocol.live.words import Floor, Input, Leave, Window, Wish, make_enrol
from live_parts import ANN, BOB, EVE, LINK, SECOND, Crafted, Host, guest, who
from samples import CHANNEL, HOST, PREDECESSOR, drawn


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def ann(host):
    """A driver with a session."""
    ann = Crafted(host, ANN)
    assert ann.begin().life is Life.BEGUN
    return ann


def grow(host, keys, **changes):
    host.roster[who(keys)] = dataclasses.replace(host.roster[who(keys)], **changes)


def test_each_hail_is_answered_with_its_nonce_and_what_is_on_disk():
    host = Host(heads=(PREDECESSOR,) * 20)
    pulse = Crafted(host, EVE).hail(nonce=b"n" * 16)
    assert (pulse.hail, pulse.epoch, pulse.heads) == (b"n" * 16, 1, (PREDECESSOR,) * 16)
    assert (pulse.session, pulse.life, pulse.ran, pulse.lease, pulse.holder) == (b"", Life.ENDED, 0, 0, b"")


def test_frames_run_in_order_each_once(host, ann):
    assert ann.input(0, b"a") is None
    assert ann.input(1, b"b") is None
    assert host.typed(ANN) == b"ab"
    assert (ann.hail().life, ann.pulse.ran) == (Life.LIVES, 2)


@pytest.mark.parametrize("k", [0, 2, 3, 2**62])
def test_what_is_not_the_next_frame_ends_the_session(host, ann, k):
    ann.input(0, b"a")
    told = ann.input(k, b"b")
    assert (told.hail, told.session, told.life, told.ran) == (b"", ann.pulse.session, Life.ENDED, 1)
    assert ann.input(1, b"c") is None
    assert host.typed(ANN) == b"a"
    assert ann.hail().life is Life.ENDED


def test_a_new_session_follows_on_a_dead_one(host, ann):
    ann.input(9)
    old = ann.pulse.session
    assert ann.hail(begin=True).life is Life.BEGUN
    assert ann.pulse.session != old
    ann.input(0, b"again")
    assert host.typed(ANN) == b"again"


def test_a_frame_of_an_older_session_is_ignored(host, ann):
    old = ann.pulse.session
    ann.hail(begin=True)
    assert ann.input(0, session=old) is None
    assert ann.input(0, b"new") is None
    assert host.typed(ANN) == b"new"


def test_input_for_a_stream_that_is_over_ends_the_session(host, ann):
    host.stream = drawn("another stream", 16)
    assert ann.input(0).life is Life.ENDED
    assert host.typed(ANN) == b""
    host.stream = None
    assert ann.hail(begin=True).life is Life.ENDED


def test_the_driver_is_told_that_its_stream_is_over(host, ann):
    host.stream = drawn("another stream", 16)
    [told] = host.tick()
    assert ann.open(told.data).life is Life.ENDED
    assert host.tick() == []


def test_input_ahead_of_what_was_printed_ends_the_session(host, ann):
    assert ann.input(0, seen=host.offset) is None
    assert ann.input(1, seen=host.offset + 1).life is Life.ENDED


def test_a_viewer_gets_no_session_and_types_nothing(host):
    eve = Crafted(host, EVE)
    assert eve.begin().session == b""
    eve.input(0, session=drawn("session", 16))
    assert host.typed(EVE) == b""


def test_a_link_gets_no_session_and_is_nobody_here(host):
    link = Crafted(host, LINK)
    assert link.begin().session == b""
    assert link.input(0, session=drawn("session", 16)) is None
    assert host.gate.people(host.now_us) == []
    assert host.decided == []


def test_who_is_taken_from_the_list_types_nothing_from_then_on(host, ann):
    ann.input(0, b"a")
    del host.roster[who(ANN)]
    assert ann.input(1, b"b") is None
    assert ann.hail() is None
    assert host.typed(ANN) == b"a"
    assert host.gate.people(host.now_us) == []


def test_who_becomes_a_viewer_types_nothing_from_then_on(host, ann):
    ann.input(0, b"a")
    grow(host, ANN, role=Role.VIEWER)
    assert ann.input(1, b"b").life is Life.ENDED
    grow(host, ANN, role=Role.DRIVER)
    assert ann.input(1, b"c") is None
    assert host.typed(ANN) == b"a"


def test_who_comes_back_on_the_list_does_not_find_an_old_session(host, ann):
    member = host.roster.pop(who(ANN))
    host.tick()
    host.roster[who(ANN)] = member
    assert ann.input(0, b"a") is None
    assert host.typed(ANN) == b""


def test_input_does_not_run_ten_seconds_after_its_key_was_drawn(host, ann):
    key = ann.pulse.box_key
    host.now_us += 10 * SECOND - 1
    ann.input(0, b"a")
    host.now_us += 1
    ann.input(1, b"b")
    assert host.typed(ANN) == b"a"
    assert ann.hail().box_key != key


def test_the_key_before_the_newest_still_opens(host, ann):
    key = ann.pulse.box_key
    host.now_us += 5 * SECOND
    ann.hail()
    assert ann.pulse.box_key != key
    ann.say(Input(ann.pulse.session, 0, 0, 0, b"a"), key)
    ann.input(1, b"b")
    assert host.typed(ANN) == b"ab"


def test_there_is_no_session_and_no_enrolment_before_the_gate_is_open():
    host = Host(is_open=False)
    ann, link = Crafted(host, ANN), Crafted(host, LINK)
    assert ann.begin().session == b""
    link.hail()
    link.say(make_enrol(guest("x"), CHANNEL, who(LINK), "Cid"))
    assert [type(one) for one in host.decided] == [Came]
    host.gate.open_for_input()
    assert ann.hail(begin=True).life is Life.BEGUN
    link.say(make_enrol(guest("x"), CHANNEL, who(LINK), "Cid"))
    assert len(host.did(Enlist)) == 1


# --- rates


def test_more_than_four_hails_a_second_are_not_answered(host):
    ann = Crafted(host, ANN)
    assert [ann.hail() is None for _ in range(6)] == [False] * 4 + [True] * 2
    host.now_us += SECOND // 4
    assert [ann.hail() is None for _ in range(2)] == [False, True]


def test_more_input_than_its_limit_ends_the_session(host, ann):
    for k in range(INPUT_BYTES // 16_384):
        assert ann.input(k, b"x" * 16_384) is None
    assert ann.input(16, b"x").life is Life.ENDED
    assert len(host.typed(ANN)) == INPUT_BYTES


def test_more_words_than_their_limit_are_dropped_which_ends_the_session(host, ann):
    for k in range(500):
        ann.say(Window(ann.pulse.session, k, 80, 24))
    assert ann.input(500, b"x") is None
    assert len(host.did(Fit)) == 500
    host.now_us += SECOND
    assert ann.input(501, b"y").life is Life.ENDED
    assert host.typed(ANN) == b""


def test_who_floods_under_one_name_spends_nobody_else_s_allowance(host, ann):
    for _ in range(1_000):
        host.take(b"junk", who(BOB))
        host.take(b"junk", drawn("a name of the relay's"))
    ann.input(0, b"a")
    assert host.typed(ANN) == b"a"


# --- who is here


def test_a_guest_is_here_once_it_answers_to_something_new(host):
    ann = Crafted(host, ANN)
    ann.hail()
    assert host.decided == []
    ann.hail()
    assert host.decided == [Came(who(ANN), "Ann")]
    [one] = host.gate.people(host.now_us + SECOND)
    assert (one.present.who, one.present.since_us, one.present.idle_us) == (who(ANN), SECOND, None)
    assert one.round_trip_us == 40_000


def test_everybody_is_told_who_is_here(host, ann):
    host.now_us += SECOND
    ann.input(0)
    host.now_us += SECOND
    eve = Crafted(host, EVE)
    eve.hail()
    eve.hail()
    assert [(one.label, one.role, one.since_us, one.idle_us) for one in eve.pulse.people] == [
        ("Ann", Role.DRIVER, 2 * SECOND, SECOND),
        ("Eve", Role.VIEWER, 0, None),
    ]


def test_who_was_not_heard_for_thirty_seconds_has_left(host, ann):
    host.now_us += 30 * SECOND - 1
    assert host.tick() == []
    host.now_us += 1
    host.tick()
    assert host.decided == [Came(who(ANN), "Ann"), Went(who(ANN))]
    assert host.gate.people(host.now_us) == []


def test_who_says_that_it_leaves_has_left(host, ann):
    ann.say(Leave())
    assert host.did(Went) == [Went(who(ANN))]
    assert ann.input(0) is None
    ann.hail()
    assert [type(one) for one in host.decided] == [Came, Went, Came]


def test_who_was_removed_has_left(host, ann):
    del host.roster[who(ANN)]
    host.tick()
    assert host.did(Went) == [Went(who(ANN))]
    host.tick()
    assert host.did(Went) == [Went(who(ANN))]


def test_what_ran_is_told_four_times_a_second_at_most(host, ann):
    host.now_us += SECOND
    for k in range(3):
        ann.input(k)
    [told] = host.tick()
    pulse = ann.open(told.data)
    assert (pulse.hail, pulse.ran, pulse.heads, pulse.people) == (b"", 3, (), ())
    ann.input(3)
    assert host.tick() == []
    host.now_us += SECOND // 4
    [told] = host.tick()
    assert ann.open(told.data).ran == 4
    host.now_us += SECOND
    assert host.tick() == []


def test_what_ran_in_a_new_session_is_told_though_as_much_ran_in_the_one_before(host, ann):
    for _ in range(2):
        ann.hail(begin=True)
        ann.input(0)
        host.now_us += SECOND
        [told] = host.tick()
        assert (ann.open(told.data).session, ann.open(told.data).ran) == (ann.pulse.session, 1)


# --- the lease


@pytest.fixture
def bob(host):
    bob = Crafted(host, BOB)
    bob.begin()
    return bob


def test_with_a_lease_only_its_holder_types(host, ann, bob):
    host.give(who(ANN))
    ann.hail()
    bob.hail()
    assert ann.pulse.holder == bob.pulse.holder == who(ANN)
    ann.input(0, b"a", lease=1)
    assert bob.input(0, b"b", lease=1).life is Life.ENDED
    assert (host.typed(ANN), host.typed(BOB)) == (b"a", b"")


def test_what_was_typed_under_an_older_lease_ends_the_session(host, ann):
    host.give(who(ANN))
    assert ann.input(0, lease=0).life is Life.ENDED


def test_everybody_who_drives_is_told_that_the_lease_changed_hands(host, ann, bob):
    answers = host.give(HOST.public)
    assert {answer.to for answer in answers} == {who(ANN), who(BOB)}
    assert host.did(Hold) == [Hold(HOST.public)]
    assert ann.heard(answers).lease == 1
    assert host.give(HOST.public) == []


def test_a_driver_asks_for_the_lease_once(host, ann):
    ann.say(Floor(ann.pulse.session, 0, Wish.REQUEST))
    assert host.did(Request) == []  # everybody may type
    host.give(HOST.public)
    for k in (1, 2):
        ann.say(Floor(ann.pulse.session, k, Wish.REQUEST))
    assert host.did(Request) == [Request(who(ANN))]
    host.give(who(ANN))
    host.give(HOST.public)
    ann.say(Floor(ann.pulse.session, 3, Wish.REQUEST))
    assert len(host.did(Request)) == 2


def test_its_holder_gives_the_lease_back_and_nobody_else(host, ann, bob):
    host.give(who(ANN))
    bob.say(Floor(bob.pulse.session, 0, Wish.RELEASE))
    assert host.gate.holder == who(ANN)
    ann.say(Floor(ann.pulse.session, 0, Wish.RELEASE))
    assert host.gate.holder == HOST.public


@pytest.mark.parametrize("way", ["silent", "leaves", "removed", "viewer"])
def test_a_holder_who_drives_no_longer_gives_the_lease_to_the_host(host, ann, way):
    host.give(who(ANN))
    if way == "silent":
        host.now_us += 31 * SECOND
    elif way == "leaves":
        ann.say(Leave())
    elif way == "removed":
        del host.roster[who(ANN)]
    else:
        grow(host, ANN, role=Role.VIEWER)
    host.tick()
    assert host.gate.holder == HOST.public
    assert host.did(Hold)[-1] == Hold(HOST.public)


def test_a_window_is_a_frame_like_any_other(host, ann):
    ann.say(Window(ann.pulse.session, 0, 132, 43))
    ann.input(1, b"a")
    assert host.did(Fit) == [Fit(who(ANN), 132, 43)]
    assert [type(one) for one in host.decided] == [Came, Fit, Type]
    assert ann.say(Window(ann.pulse.session, 1, 80, 24)).life is Life.ENDED


# --- what is no message to a host


def test_what_a_host_says_is_nothing_to_a_host(host):
    host.roster[HOST.public] = host.roster[who(ANN)]
    assert host.take(seal_farewell(HOST, CHANNEL, HOST.public, Why.ENDED)) == []
    assert host.decided == []


def test_who_never_hailed_says_nothing(host, ann):
    Crafted(host, LINK).say(make_enrol(guest("cid"), CHANNEL, who(LINK), "Cid"), ann.pulse.box_key)
    assert host.did(Enlist) == []


def test_who_comes_and_goes_all_the_time_is_recorded_a_few_times_only(host, ann):
    for _ in range(40):
        ann.say(Leave())
        host.now_us += SECOND // 4
        ann.hail()
    assert len(host.did(Came)) <= GOODBYES + 2


def test_a_lease_that_was_given_to_somebody_who_is_not_here_comes_back(host, ann):
    host.give(who(BOB))
    assert host.gate.holder == who(BOB)
    host.tick()
    assert host.gate.holder == HOST.public
