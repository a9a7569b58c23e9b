"""What is fuzzed of links, admission and sync."""

from cctm.protocol.admission import AccessList, Verb, decode_access_untrusted, proof_statement, sign_access
from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_array,
    expect_bytes,
    expect_fields,
    expect_int,
)
from cctm.protocol.entry import encode_record
from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.link import Link, decode_link_untrusted, encode_link
from cctm.protocol.origin import Origin, decode_origin_untrusted
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.dialling import Dialling
from cctm.protocol.sync.follower import Follower
from cctm.protocol.sync.past import Gap, Piece, Recall
from cctm.protocol.sync.records import Joiner
from cctm.protocol.sync.serving import Serving
from cctm.protocol.sync.uploading import Uploading
from tests.fuzzing import Target
from tests.samples import CHANNEL, DEVICE, HOST, MEMBER, drawn, host_log, host_writer

MALFORMED = (MalformedError,)
ADDRESS = "https://relay.example"
LINK = Link(Origin("https", "relay.example", 443), CHANNEL, drawn("link", 16), 3, 7)
ACCESS = sign_access(AccessList(HOST.public, 1, {MEMBER.public: Verb.READ}, None), HOST)
LOG = drawn("log")
FROM_CLIENT = [
    m.TABLE.encode(message)
    for message in (
        m.Access(ACCESS),
        m.Append(LOG, 0, [b"x", b"y"]),
        m.AppendPart(LOG, 0, 0, 10, b"x"),
        m.Fetch(LOG, 0, 1),
        m.Tail(LOG, 0),
        m.Live(b"", b"x"),
    )
]
FROM_SERVER = [
    m.TABLE.encode(message)
    for message in (
        m.Logs([m.LogRow(LOG, HOST.public, 1, 3, drawn("head"), 1, 2)], more=False),
        m.Stored(LOG, 1, drawn("head")),
        m.Entries(LOG, 0, [b"x"]),
        m.Lagged(LOG, 3, 1, 2),
        m.LiveFrom(MEMBER.public, b"x"),
        m.Refused(1, "what", "advice"),
    )
]


def _link(data: bytes) -> Link:
    return decode_link_untrusted(data.decode("latin-1"))


def _opened_server() -> Serving:
    server = Serving(drawn("challenge"), {ADDRESS})
    server.receive_untrusted(m.TABLE.encode(m.Hello(0, drawn("nonce"))))
    proof = HOST.sign(proof_statement(CHANNEL, ADDRESS, drawn("challenge"), drawn("nonce")))
    server.receive_untrusted(m.TABLE.encode(m.Open(CHANNEL, HOST.public, ADDRESS, proof, None)))
    server.admitted(Verb.READ | Verb.APPEND | Verb.LIVE, 0)
    return server


def _opened_client() -> Dialling:
    client = Dialling(CHANNEL, MEMBER, ADDRESS, drawn("nonce"))
    client.begin()
    client.receive_untrusted(m.TABLE.encode(m.Challenge(0, drawn("challenge"))))
    client.receive_untrusted(m.TABLE.encode(m.Opened(1, 0)))
    return client


# What a joiner gets, in few bytes: [log, first, [size…]] is an Append, [log, seq, at, total, size] an AppendPart.
_PART = m.PART_BYTES
_WHOLE = [LOG, 3, [0, 1, 200, 100_000]]
_PARTS = [[LOG, 7, at, 2 * _PART + 9, min(_PART, 2 * _PART + 9 - at)] for at in (0, _PART, 2 * _PART)]
_MOST = 2 * _PART  # bytes of one message


def _size(item: object) -> int:
    return expect_int(item, 0, _MOST)


def _join(data: bytes) -> None:
    joiner, came = Joiner(), 0
    for item in expect_array(decode_untrusted(data, 100_000)):
        fields = expect_array(item)
        log = expect_bytes(fields[0]) if fields else b""
        if len(fields) == 3:
            first = expect_int(fields[1], 0)
            records = [bytes(_size(size)) for size in expect_array(fields[2])[:8]]
            run = joiner.take_untrusted(m.Append(log, first, records))
            assert run is not None
            assert list(run.records) == records
        else:
            numbers = [expect_int(number, 0) for number in expect_fields(item, 5)[1:4]]
            part = bytes(_size(fields[4]))
            came += len(part)
            run = joiner.take_untrusted(m.AppendPart(log, *numbers, part))
        if run is not None:
            came = 0
        assert joiner.held_bytes <= came  # nothing on the word of a total


HOST_RECORDS = [encode_record(sealed) for sealed in host_log()]
HOST_LOG = host_writer().log
ROW = m.LogRow(HOST_LOG, HOST.public, 1, len(HOST_RECORDS), drawn("head"), 1, 2)
TO_READER = [
    m.TABLE.encode(message)
    for message in (
        m.Logs([ROW], more=False),
        m.Entries(HOST_LOG, 0, HOST_RECORDS),
        m.Entries(HOST_LOG, 3, HOST_RECORDS[3:]),
        m.Lagged(HOST_LOG, 9, 3, 8),
    )
]


def _recall(data: bytes) -> None:
    message = m.TABLE.decode_untrusted(data)
    if isinstance(message, m.Entries | m.EntryPart):
        gap = Gap(HOST_LOG, 0, len(HOST_RECORDS), drawn("head"))
        assert not isinstance(Recall(CHANNEL, gap, 100).take_untrusted(message), Piece)  # none has that hash


def _follow(data: bytes) -> None:
    """*data*, to a reader that has a first screen."""
    follower = Follower(CHANNEL, [DEVICE], (1, 1))
    follower.connected()
    follower.take_untrusted(m.Logs([ROW], more=False))
    follower.take_untrusted(m.Entries(HOST_LOG, 0, HOST_RECORDS[:3]))
    message = m.TABLE.decode_untrusted(data)
    if isinstance(message, m.Logs | m.Entries | m.EntryPart | m.Lagged):
        follower.take_untrusted(message)


def _upload(data: bytes) -> None:
    """*data*, to a host that knows none of the logs that are offered."""
    upload = Uploading(CHANNEL, HOST.public, (), ())
    upload.take_untrusted(m.Logs([ROW], more=False))
    message = m.TABLE.decode_untrusted(data)
    if isinstance(message, m.Logs | m.Entries | m.EntryPart | m.Stored):
        upload.take_untrusted(message)


def targets() -> list[Target]:
    return [
        Target(
            "joiner",
            _join,
            [encode(items) for items in ([_WHOLE], _PARTS, [_WHOLE, *_PARTS, _WHOLE])],
            MALFORMED,
        ),
        Target("link", _link, [encode_link(LINK).encode()], MALFORMED),
        Target(
            "address of a relay",
            lambda data: decode_origin_untrusted(data.decode("latin-1")),
            [b"https://relay.example", b"http://[::1]:4222/", b"http://10.0.0.1:80"],
            MALFORMED,
        ),
        Target(
            "access list",
            decode_access_untrusted,
            [ACCESS],
            MALFORMED,
            lambda access: sign_access(access, HOST),
        ),
        Target(
            "sync message", m.TABLE.decode_untrusted, FROM_CLIENT + FROM_SERVER, MALFORMED, m.TABLE.encode
        ),
        Target("serving", lambda data: _opened_server().receive_untrusted(data), FROM_CLIENT, ()),
        Target("follower", _follow, TO_READER, (MalformedError, ChainError)),
        Target("recall", _recall, TO_READER[1:3], (MalformedError, ChainError)),
        Target(
            "uploading",
            _upload,
            [TO_READER[0], m.TABLE.encode(m.Entries(HOST_LOG, 0, HOST_RECORDS[:1]))],
            (MalformedError, ChainError),
        ),
        Target("dialling", lambda data: _opened_client().receive_untrusted(data), FROM_SERVER, MALFORMED),
    ]
