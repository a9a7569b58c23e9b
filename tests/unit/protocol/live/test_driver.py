"""cctm.protocol.live.driver: what a reader does, and what its user is told."""

import dataclasses

import pytest

from cctm.protocol.access import Role
from cctm.protocol.errors import LocalError
from cctm.protocol.live.decisions import Came, Enlist, Fit, Hold, Request, Went
from cctm.protocol.live.driver import Driver
from cctm.protocol.live.effects import Heard, Loss, Parted
from cctm.protocol.live.messages import Why, seal_farewell, seal_pulse
from cctm.protocol.live.pulse import Life
from cctm.protocol.live.session import BYTES, MOST_QUEUED_BYTES
from cctm.protocol.live.words import Wish
from live_parts import ANN, BOB, EVE, LINK, SECOND, SECRETS, Draw, Host, Reader, who
from samples import CHANNEL, EPOCH, HOST, MEMBER, PREDECESSOR, drawn, nonce


@pytest.fixture
def host():
    return Host(heads=(PREDECESSOR,))


@pytest.fixture
def ann(host):
    ann = Reader(host, ANN)
    ann.settle()
    assert ann.driver.can_type
    return ann


def test_what_a_driver_types_runs_at_the_host(host, ann):
    ann.type(b"ls\r")
    ann.type(b"exit\r")
    ann.talk()
    assert host.typed(ANN) == b"ls\rexit\r"
    assert ann.dropped() == []


def test_a_driver_hails_every_two_and_a_half_seconds_and_a_viewer_every_ten(host):
    for keys, role, hails in ((ANN, Role.DRIVER, 12), (EVE, Role.VIEWER, 3)):
        reader = Reader(host, keys, role)
        reader.settle()
        reader.said.clear()
        reader.wait(30 * SECOND)
        assert abs(len([one for one in reader.said if isinstance(one, Heard)]) - hails) <= 1


def test_a_session_lasts_for_as_long_as_its_driver_hails(host, ann):
    for _ in range(60):
        ann.type(b"x")
        ann.talk()
        ann.wait(SECOND)
        host.tick()
    assert host.typed(ANN) == b"x" * 60
    assert ann.dropped() == []
    assert host.did(Came) == [Came(who(ANN), "Ann")]
    assert host.did(Went) == []


def test_nothing_is_typed_before_there_is_a_session(host):
    ann = Reader(host, ANN)
    ann.type(b"early")
    assert ann.dropped() == [(5, Loss.NOT_YET)]
    ann.settle()
    ann.type(b"now")
    ann.talk()
    assert host.typed(ANN) == b"now"


def test_an_answer_that_comes_before_the_grant_that_opens_it_counts_once_that_is_there(host):
    ann = Reader(host, ANN)
    ann.do(ann.driver.due(host.now_us))
    (answer,) = [one.data for one in host.take(ann.to_host.pop(), who(ANN)) if one.to == who(ANN)]
    ann.do(ann.driver.take_untrusted(answer, host.now_us, {}))
    assert not ann.driver.can_type
    ann.do(ann.driver.learnt(host.now_us, {}))
    assert not ann.driver.can_type
    ann.do(ann.driver.learnt(host.now_us, SECRETS))
    assert ann.driver.can_type
    assert ann.driver.learnt(host.now_us, SECRETS) == []


def test_a_viewer_s_keys_go_nowhere(host):
    eve = Reader(host, EVE, Role.VIEWER)
    eve.settle()
    eve.type(b"rm")
    assert eve.dropped() == [(2, Loss.VIEWER)]
    assert eve.to_host == []


def test_nothing_is_typed_when_the_host_was_not_heard_for_ten_seconds(host, ann):
    host.now_us += 12 * SECOND
    ann.type(b"x")
    assert ann.dropped() == [(1, Loss.UNHEARD)]
    assert ann.to_host == []


def test_freshness_counts_from_when_the_hail_was_sent(host):
    ann = Reader(host, ANN)
    ann.do(ann.driver.due(host.now_us))
    answers = host.take(ann.to_host.pop())
    sent_us = host.now_us
    host.now_us += 11 * SECOND
    ann.hear(answers)
    assert ann.driver.hailing.confirmed_until_us == sent_us + 30 * SECOND
    assert ann.driver.hailing.answered.round_trip_us == 11 * SECOND
    assert not ann.driver.hailing.is_fresh(host.now_us)


def test_the_user_is_told_how_much_did_not_run(host, ann):
    for data in (b"a", b"bb", b"ccc"):
        ann.type(data)
    del ann.to_host[1]
    ann.talk()
    assert host.typed(ANN) == b"a"
    assert ann.dropped() == [(5, Loss.REFUSED)]
    ann.wait(SECOND)
    ann.type(b"d")
    ann.talk()
    assert host.typed(ANN) == b"ad"


def test_a_frame_that_went_astray_is_told_though_nothing_follows_it(host, ann):
    ann.type(b"lost")
    ann.to_host.clear()
    ann.wait(3 * SECOND)
    assert ann.dropped() == [(4, Loss.UNKNOWN)]
    ann.type(b"next")
    ann.talk()
    assert host.typed(ANN) == b"next"


def test_a_cut_loses_no_session_if_it_lost_no_frame(host, ann):
    ann.type(b"a")
    ann.talk()
    session = ann.driver.pulse.session
    ann.driver.cut()
    ann.type(b"meanwhile")
    assert ann.dropped() == [(9, Loss.UNHEARD)]
    ann.settle()
    ann.type(b"b")
    ann.talk()
    assert ann.driver.pulse.session == session
    assert host.typed(ANN) == b"ab"


def test_a_cut_that_lost_a_frame_is_told(host, ann):
    ann.type(b"abc")
    ann.to_host.clear()
    ann.driver.cut()
    ann.settle()
    assert ann.dropped() == [(3, Loss.UNKNOWN)]
    assert ann.driver.can_type


def test_a_host_that_began_anew_has_forgotten_the_session(host, ann):
    ann.type(b"abc")
    ann.to_host.clear()
    fresh = Host(now_us=host.now_us)
    ann.host = fresh
    ann.driver.cut()
    ann.settle()
    assert ann.dropped() == [(3, Loss.UNKNOWN)]
    ann.type(b"x")
    ann.talk()
    assert fresh.typed(ANN) == b"x"


def test_a_session_that_the_host_forgot_is_noticed_before_anything_is_typed(host, ann):
    ann.host = Host(now_us=host.now_us)
    ann.wait(4 * SECOND)
    ann.type(b"x")
    ann.talk()
    assert ann.host.typed(ANN) == b"x"
    assert ann.dropped() == []


def test_who_comes_back_after_a_long_cut_is_here_at_once(host):
    eve = Reader(host, EVE, Role.VIEWER)
    eve.settle()
    eve.driver.cut()
    host.now_us += 60 * SECOND
    host.tick()
    assert host.did(Went) == [Went(who(EVE))]
    eve.settle()
    assert host.did(Came) == [Came(who(EVE), "Eve")] * 2


def test_a_reader_that_began_anew_gets_a_session_of_its_own(host, ann):
    ann.type(b"a")
    ann.talk()
    again = Reader(host, ANN, label="again")
    again.settle()
    assert again.driver.can_type
    again.type(b"b")
    again.talk()
    assert host.typed(ANN) == b"ab"


def test_a_large_paste_goes_through_at_a_pace_that_the_host_takes(host, ann):
    paste = bytes(range(256)) * 1_000
    ann.type(paste)
    ann.talk()
    assert len(host.typed(ANN)) < len(paste)
    ann.wait(3 * SECOND)
    assert host.typed(ANN) == paste
    assert ann.dropped() == []


def test_fast_keys_are_joined_rather_than_lost(host, ann):
    for number in range(1_000):
        ann.type(b"%03d" % number)
    ann.wait(SECOND)
    assert host.typed(ANN) == b"".join(b"%03d" % number for number in range(1_000))
    assert ann.dropped() == []


def test_what_does_not_fit_is_dropped_as_a_whole(host, ann):
    assert BYTES // 2 < MOST_QUEUED_BYTES
    ann.type(b"x" * MOST_QUEUED_BYTES)
    ann.type(b"y" * MOST_QUEUED_BYTES)
    assert ann.dropped() == [(MOST_QUEUED_BYTES, Loss.FULL)]
    ann.wait(5 * SECOND)
    assert host.typed(ANN) == b"x" * MOST_QUEUED_BYTES


def test_what_waits_is_dropped_when_the_session_ends(host, ann):
    ann.type(b"x" * MOST_QUEUED_BYTES)
    del ann.to_host[0]
    ann.talk()
    assert sum(size for size, _ in ann.dropped()) == MOST_QUEUED_BYTES
    assert {loss for _, loss in ann.dropped()} == {Loss.REFUSED, Loss.NOT_YET}


def test_each_session_begins_with_the_window(host, ann):
    ann.do(ann.driver.window(132, 43, host.now_us))
    ann.talk()
    ann.type(b"a")
    ann.to_host.clear()
    ann.wait(4 * SECOND)
    assert host.did(Fit) == [Fit(who(ANN), 132, 43)] * 2


def test_a_window_before_the_session_is_said_once_there_is_one(host):
    ann = Reader(host, ANN)
    assert ann.driver.window(132, 43, host.now_us) == []
    ann.settle()
    assert host.did(Fit) == [Fit(who(ANN), 132, 43)]


def test_a_window_while_the_host_is_not_heard_waits(host, ann):
    host.now_us += 12 * SECOND
    assert ann.driver.window(132, 43, host.now_us) == []
    ann.settle()
    ann.wait(3 * SECOND)
    assert host.did(Fit) == [Fit(who(ANN), 132, 43)]


def test_the_lease_is_asked_for_and_given_back(host, ann):
    host.give(HOST.public)
    ann.do(ann.driver.floor(Wish.REQUEST, host.now_us))
    ann.talk()
    assert host.did(Request) == [Request(who(ANN))]
    ann.hear(host.give(who(ANN)))
    ann.wait(SECOND)
    ann.type(b"mine")
    ann.do(ann.driver.floor(Wish.RELEASE, host.now_us))
    ann.talk()
    assert host.typed(ANN) == b"mine"
    assert host.did(Hold)[-1] == Hold(HOST.public)


def test_who_learns_that_the_lease_changed_hands_asks_at_once(host, ann):
    ann.hear(host.give(HOST.public))
    ann.wait(SECOND // 2)
    ann.type(b"x")
    assert ann.dropped() == [(1, Loss.HELD)]


def test_the_floor_is_asked_for_in_a_session_only(host):
    assert Reader(host, ANN).driver.floor(Wish.REQUEST, host.now_us) == []


def test_a_link_asks_to_be_enrolled_until_it_is_given_up(host):
    link, cid = Reader(host, LINK, Role.VIEWER), type(ANN).from_seed(drawn("cid"))
    link.do(link.driver.enrol(cid, "Cid"))
    link.settle()
    assert Enlist(who(LINK), who(cid), cid.box_public, "Cid") in host.decided
    before = len(host.decided)
    link.wait(6 * SECOND)
    assert len(host.decided) > before


def test_who_becomes_a_driver_begins_and_who_becomes_a_viewer_ends(host):
    host.roster[who(EVE)] = dataclasses.replace(host.roster[who(EVE)], role=Role.DRIVER)
    eve = Reader(host, EVE, Role.VIEWER)
    eve.settle()
    assert not eve.driver.can_type
    assert eve.driver.become(Role.VIEWER) == []
    eve.do(eve.driver.become(Role.DRIVER))
    eve.settle()
    assert eve.driver.can_type
    eve.do(eve.driver.become(Role.VIEWER))
    eve.type(b"x")
    assert eve.dropped() == [(1, Loss.VIEWER)]


def test_who_leaves_says_so(host, ann):
    ann.do(ann.driver.leave())
    ann.talk()
    assert host.did(Went) == [Went(who(ANN))]
    assert Reader(host, BOB).driver.leave() == []


@pytest.mark.parametrize("why", Why)
def test_a_farewell_is_passed_on(host, ann, why):
    ann.do(ann.driver.take_untrusted(seal_farewell(HOST, CHANNEL, who(ANN), why), host.now_us, SECRETS))
    assert ann.said[-1] == Parted(why)


def test_only_the_channel_s_owner_is_its_host():
    with pytest.raises(LocalError):
        Driver(CHANNEL, MEMBER.public, ANN, Role.DRIVER, Draw())


def test_what_anybody_else_says_is_nothing(host, ann):
    farewell = seal_farewell(MEMBER, CHANNEL, who(ANN), Why.REMOVED)
    assert ann.driver.take_untrusted(farewell, host.now_us, SECRETS) == []
    assert ann.driver.take_untrusted(b"junk", host.now_us, SECRETS) == []


def test_a_host_that_says_more_ran_than_was_sent_gains_nothing(host, ann):
    ann.type(b"abc")
    pulse = dataclasses.replace(ann.driver.pulse, hail=b"", life=Life.LIVES, ran=2**62)
    ann.do(
        ann.driver.take_untrusted(
            seal_pulse(HOST, CHANNEL, who(ANN), EPOCH, pulse, nonce(1)), host.now_us, SECRETS
        )
    )
    ann.talk()
    ann.type(b"d")
    ann.talk()
    assert host.typed(ANN) == b"abcd"


def test_what_waits_is_dropped_when_the_lease_changes_hands(host, ann):
    ann.type(b"x" * MOST_QUEUED_BYTES)
    ann.talk()
    ran = len(host.typed(ANN))
    ann.hear(host.give(HOST.public))
    host.now_us += 300_000
    ann.to_host.clear()
    hail = ann.driver.due(host.now_us)[0]
    ann.hear(host.take(hail.data))
    assert sum(size for size, _ in ann.dropped()) >= MOST_QUEUED_BYTES - ran - BYTES
    assert {loss for _, loss in ann.dropped()} <= {Loss.HELD, Loss.UNKNOWN, Loss.NOT_YET}
    ann.wait(3 * SECOND)
    assert len(host.typed(ANN)) == ran


def test_a_host_that_never_answers_is_hailed_without_end(host):
    eve = Reader(host, EVE, Role.DRIVER)
    for _ in range(100):
        host.now_us += 3 * SECOND
        eve.do(eve.driver.due(host.now_us))
    assert len(eve.to_host) == 100
    oldest, newest = eve.to_host[0], eve.to_host[-1]
    eve.hear(host.take(oldest))
    assert eve.driver.pulse is None  # nobody waits for that any more
    eve.hear(host.take(newest))
    assert eve.driver.pulse is not None


def test_who_is_not_known_any_more_hears_what_may_not_have_run(ann):
    ann.type(b"out")
    assert ann.to_host != []
    ann.do(ann.driver.give_up())
    assert ann.dropped() == [(3, Loss.UNKNOWN)]
    assert not ann.driver.can_type
    ann.do(ann.driver.give_up())
    assert ann.dropped() == [(3, Loss.UNKNOWN)]


def test_who_is_not_known_any_more_hears_nothing_of_what_ran(ann):
    ann.type(b"out")
    ann.talk()
    ann.wait(3 * SECOND)
    ann.do(ann.driver.give_up())
    assert ann.dropped() == []
