"""cctm.protocol.sync: one connection, from both sides."""

import itertools

import pytest

from cctm.protocol.admission import AccessList, Verb, sign_access
from cctm.protocol.errors import MalformedError
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.dialling import FROM_SERVER, Dialling
from cctm.protocol.sync.dialling import State as Dialled
from cctm.protocol.sync.serving import Admit, Do, End, Keep, Reason, Reply, Serving, State
from samples import CHANNEL, DEVICE, HOST, MEMBER, OTHER_CHANNEL, drawn

ADDRESS = "https://relay.example"
LOG = drawn("log")
SOME = {
    m.Hello: m.Hello(0, drawn("nonce")),
    m.Open: m.Open(CHANNEL, MEMBER.public, ADDRESS, bytes(64), None),
    m.Access: m.Access(sign_access(AccessList(HOST.public, 1, {}, None), HOST)),
    m.Append: m.Append(LOG, 0, [b"x"]),
    m.AppendPart: m.AppendPart(LOG, 0, 0, 10, b"x"),
    m.Fetch: m.Fetch(LOG, 0, 1),
    m.Tail: m.Tail(LOG, 0),
    m.Live: m.Live(b"", b"x"),
    m.Challenge: m.Challenge(0, drawn("challenge")),
    m.Opened: m.Opened(1, 0),
    m.Logs: m.Logs([m.LogRow(LOG, HOST.public, 1, 3, drawn("head"), 1, 2)], more=False),
    m.Stored: m.Stored(LOG, 1, drawn("head")),
    m.AccessStored: m.AccessStored(1),
    m.Entries: m.Entries(LOG, 0, [b"x"]),
    m.EntryPart: m.EntryPart(LOG, 0, 0, 10, b"x"),
    m.Lagged: m.Lagged(LOG, 3, 1, 2),
    m.LiveFrom: m.LiveFrom(MEMBER.public, b"x"),
    m.Refused: m.Refused(1, "what", "advice"),
}


def serving():
    return Serving(drawn("challenge"), {ADDRESS, "http://127.0.0.1:4222"})


def replies(effects):
    return [effect.message for effect in effects if isinstance(effect, Reply)]


def sent(effects):
    return [m.TABLE.encode(message) for message in replies(effects)]


def up_to_the_proof(key, address=ADDRESS, channel=CHANNEL, server=None):
    server = server or serving()
    client = Dialling(channel, key, address, drawn("nonce"))
    [challenge] = sent(server.receive_untrusted(client.begin()))
    proof, told = client.receive_untrusted(challenge)
    assert told is None
    return client, server, server.receive_untrusted(proof)


def opened(key=MEMBER, verbs=Verb.READ | Verb.LIVE):
    client, server, effects = up_to_the_proof(key)
    assert [type(effect) for effect in effects] == [Admit]
    [message] = sent(server.admitted(verbs, 3))
    assert client.receive_untrusted(message) == (None, m.Opened(int(verbs), 3))
    return client, server


def test_every_message_is_in_the_samples():
    assert list(SOME) == list(m.MESSAGES.values())
    for message in SOME.values():
        assert m.TABLE.decode_untrusted(m.TABLE.encode(message)) == message


@pytest.mark.parametrize("key", [HOST, MEMBER, DEVICE], ids=["owner", "member", "link"])
def test_a_member_shows_its_key_and_is_let_in(key):
    client, server, [admit] = up_to_the_proof(key)
    assert admit == Admit(CHANNEL, client.member, None)
    assert server.is_owner is (key is HOST)
    server.admitted(Verb.READ, 0)
    assert server.state is State.OPEN


@pytest.mark.parametrize(
    "address", ["https://evil.example", "http://relay.example", "https://relay.example:444", ""]
)
def test_a_proof_for_another_address_is_refused(address):
    _, server, effects = up_to_the_proof(MEMBER, address)
    assert [message.reason for message in replies(effects)] == [Reason.PROOF]
    assert server.state is State.OVER


def test_a_proof_does_not_fit_another_challenge_channel_or_key():
    client = Dialling(CHANNEL, MEMBER, ADDRESS, drawn("nonce"))
    hello = client.begin()
    proof, _ = client.receive_untrusted(m.TABLE.encode(m.Challenge(0, drawn("another challenge"))))
    good = m.TABLE.decode_untrusted(proof)
    for message in (
        good,
        good._replace(channel=OTHER_CHANNEL),
        good._replace(member=HOST.public),
        good._replace(proof=bytes(64)),
        good._replace(proof=b""),
    ):
        server = serving()
        server.receive_untrusted(hello)
        [refused] = replies(server.receive_untrusted(m.TABLE.encode(message)))
        assert refused.reason == Reason.PROOF


@pytest.mark.parametrize("kind", m.MESSAGES.values(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_a_server_knows_what_to_do_about_every_message_in_every_state(state, kind):
    if state is State.OPEN:
        _, server = opened(HOST, Verb.READ | Verb.APPEND | Verb.LIVE)
    elif state is State.ASKING:
        _, server, _ = up_to_the_proof(MEMBER)
    else:
        server = serving()
        if state is State.GREETED:
            server.receive_untrusted(m.TABLE.encode(SOME[m.Hello]))
        if state is State.OVER:
            server.refuse(Reason.LEAVING, "what", "advice")
    effects = server.receive_untrusted(m.TABLE.encode(SOME[kind]))
    allowed = {
        State.NEW: {m.Hello: [Reply]},
        State.GREETED: {m.Open: [Reply, End]},  # the sample proves nothing
        State.ASKING: {},
        State.OPEN: {
            m.Access: [Keep],
            **{key: [Do] for key in [m.Append, m.AppendPart, m.Fetch, m.Tail, m.Live]},
        },
        State.OVER: {key: [] for key in SOME},
    }[state]
    assert [type(effect) for effect in effects] == allowed.get(kind, [Reply, End])
    if kind not in allowed:
        assert replies(effects)[0].reason == Reason.PROTOCOL
        assert server.state is State.OVER


@pytest.mark.parametrize("kind", m.MESSAGES.values(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "state", [Dialled.HELLO, Dialled.PROVEN, Dialled.OPEN, Dialled.OVER], ids=lambda s: s.value
)
def test_a_client_knows_what_to_do_about_every_message_in_every_state(state, kind):
    client = Dialling(CHANNEL, MEMBER, ADDRESS, drawn("nonce"))
    client.begin()
    if state in {Dialled.PROVEN, Dialled.OPEN}:
        client.receive_untrusted(m.TABLE.encode(SOME[m.Challenge]))
    if state is Dialled.OPEN:
        client.receive_untrusted(m.TABLE.encode(SOME[m.Opened]))
    if state is Dialled.OVER:
        client.receive_untrusted(m.TABLE.encode(SOME[m.Refused]))
    assert client.state is state
    handshake = {m.Challenge, m.Opened}
    allowed = {
        Dialled.HELLO: {m.Challenge, m.Refused},
        Dialled.PROVEN: {m.Opened, m.Refused},
        Dialled.OPEN: FROM_SERVER - handshake,
        Dialled.OVER: set(SOME),
    }[state]
    message = m.TABLE.encode(SOME[kind])
    if kind in allowed:
        client.receive_untrusted(message)
        return
    with pytest.raises(MalformedError):
        client.receive_untrusted(message)
    assert client.state is Dialled.OVER
    assert client.receive_untrusted(message) == (None, None)


@pytest.mark.parametrize(
    ("kind", "verb"),
    [
        (m.Append, Verb.APPEND),
        (m.AppendPart, Verb.APPEND),
        (m.Fetch, Verb.READ),
        (m.Tail, Verb.READ),
        (m.Live, Verb.LIVE),
    ],
)
def test_a_member_does_what_it_may_and_nothing_else(kind, verb):
    for verbs in itertools.accumulate(Verb, lambda one, other: one | other, initial=Verb(0)):
        _, server = opened(verbs=verbs)
        effects = server.receive_untrusted(m.TABLE.encode(SOME[kind]))
        if verb & verbs:
            assert effects == [Do(SOME[kind])]
        else:
            assert replies(effects)[0].reason == Reason.NOT_ALLOWED


def test_only_the_owner_changes_the_access_list_and_only_its_own():
    _, server = opened(HOST)
    assert [type(effect) for effect in server.receive_untrusted(m.TABLE.encode(SOME[m.Access]))] == [Keep]
    _, server = opened(MEMBER)
    [refused] = replies(server.receive_untrusted(m.TABLE.encode(SOME[m.Access])))
    assert refused.reason == Reason.NOT_ALLOWED
    _, server = opened(HOST)
    other = m.Access(sign_access(AccessList(MEMBER.public, 1, {}, None), MEMBER))
    [refused] = replies(server.receive_untrusted(m.TABLE.encode(other)))
    assert refused.reason == Reason.NOT_ALLOWED


@pytest.mark.parametrize(
    "message",
    [
        m.Live(b"short", b"x"),
        m.Live(b"", bytes(m.MAX_LIVE + 1)),
        m.Tail(b"short", 0),
        m.Fetch(bytes(33), 0, 1),
        m.Append(b"", 0, []),
    ],
)
def test_a_message_of_the_wrong_sizes_ends_the_connection(message):
    _, server = opened(HOST, Verb.READ | Verb.APPEND | Verb.LIVE)
    [refused] = replies(server.receive_untrusted(m.TABLE.encode(message)))
    assert refused.reason == Reason.PROTOCOL


def test_another_version_is_named():
    [refused] = replies(serving().receive_untrusted(m.TABLE.encode(m.Hello(1, drawn("nonce")))))
    assert refused.reason == Reason.VERSION
    assert "version 0" in refused.what
    client = Dialling(CHANNEL, MEMBER, ADDRESS, drawn("nonce"))
    client.begin()
    with pytest.raises(MalformedError):
        client.receive_untrusted(m.TABLE.encode(m.Challenge(1, drawn("challenge"))))
