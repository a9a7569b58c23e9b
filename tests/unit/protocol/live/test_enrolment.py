"""cctm.protocol.live.gate: who is enrolled by a link, and who is not."""

import dataclasses

import pytest

from cctm.protocol.keys import statement
from cctm.protocol.live.decisions import Enlist
from cctm.protocol.live.words import Enrol, make_enrol
from live_parts import ANN, LINK, Crafted, Host, guest, who
from samples import CHANNEL, HOST


@pytest.fixture
def host():
    return Host()


def test_a_link_enrols_a_key_that_asks_for_it(host):
    link, cid = Crafted(host, LINK), guest("cid")
    link.hail()
    link.say(make_enrol(cid, CHANNEL, who(LINK), "Cid"))
    assert host.decided == [Enlist(who(LINK), who(cid), cid.box_public, "Cid")]


def test_a_guest_enrols_nobody(host):
    ann = Crafted(host, ANN)
    ann.begin()
    host.decided.clear()
    ann.say(make_enrol(guest("cid"), CHANNEL, who(ANN), "Cid"))
    assert host.decided == []


def test_nobody_is_enrolled_under_another_link(host):
    link = Crafted(host, LINK)
    link.hail()
    link.say(make_enrol(guest("cid"), CHANNEL, who(ANN), "Cid"))
    assert host.decided == []


def test_nobody_is_enrolled_by_another(host):
    link = Crafted(host, LINK)
    link.hail()
    enrol = make_enrol(guest("cid"), CHANNEL, who(LINK), "Cid")
    link.say(dataclasses.replace(enrol, sign_key=who(guest("dan"))))
    link.say(dataclasses.replace(enrol, box_key=ANN.box_public))
    assert host.decided == []


def test_who_is_on_the_list_is_not_enrolled_again(host):
    link = Crafted(host, LINK)
    link.hail()
    for keys in (ANN, LINK):
        link.say(make_enrol(keys, CHANNEL, who(LINK), "Cid"))
    assert host.decided == []


def test_the_host_s_own_key_is_enrolled_by_nobody(host):
    link = Crafted(host, LINK)
    link.hail()
    sig = HOST.sign(statement("cctm enrol", CHANNEL, who(LINK), ANN.box_public, "me"))
    link.say(Enrol(HOST.public, ANN.box_public, "me", sig))
    assert host.decided == []


def test_a_link_that_is_void_enrols_nobody(host):
    link = Crafted(host, LINK)
    link.hail()
    del host.roster[who(LINK)]
    link.say(make_enrol(guest("cid"), CHANNEL, who(LINK), "Cid"))
    assert host.decided == []
