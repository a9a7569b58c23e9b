"""cctm.protocol.sync.uploading: what a relay has, and lacks, of our own logs."""

import itertools

import pytest

from cctm.protocol.errors import ChainError, LocalError, MalformedError
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import Ask
from cctm.protocol.sync.uploading import (
    MOST_QUESTIONS,
    AppendFrom,
    Diverged,
    State,
    UnknownOwnLog,
    Uploading,
)
from samples import CHANNEL, HOST, MEMBER, drawn
from sharing_parts import Host, Own, PureRelay, forked


def shared():
    host = Host()
    host.begin()
    host.output(b"one")
    host.output(b"two")
    return host


def uploading(*logs, known=()):
    return Uploading(CHANNEL, HOST.public, logs, known)


def offered(host, **sizes):
    """A relay that has so many entries of the host's logs, named by their order: log1=3."""
    logs = list(host.records)
    return PureRelay(
        host,
        {
            logs[int(name[3:]) - 1]: host.records[logs[int(name[3:]) - 1]][:size]
            for name, size in sizes.items()
        },
    )


@pytest.mark.parametrize("there", [0, 1, 3, 5])
def test_a_relay_gets_what_it_lacks(there):
    host = shared()
    upload = uploading(Own(host))
    assert upload.take_untrusted(offered(host, log1=there).logs()) == [AppendFrom(host.log, there)]


def test_logs_that_the_relay_does_not_name_are_sent_whole_and_the_others_from_where_they_end():
    host = shared()
    first = host.log
    host.begin()
    host.begin()
    upload = uploading(*(Own(host, log) for log in host.records))
    rows = offered(host, log1=5, log3=2).logs().rows
    assert upload.take_untrusted(m.Logs(rows[:1], more=True)) == []
    effects = upload.take_untrusted(m.Logs(rows[1:], more=False))
    assert effects == [
        AppendFrom(first, 5),
        AppendFrom(list(host.records)[1], 0),
        AppendFrom(host.log, 2),
    ]


def test_a_log_that_was_begun_is_sent_from_its_beginning_and_not_stopped_by_its_own_announcement():
    host = shared()
    upload = uploading(Own(host))
    upload.take_untrusted(offered(host, log1=5).logs())
    host.begin()
    assert upload.took(Own(host)) == [AppendFrom(host.log, 0)]
    assert upload.take_untrusted(m.Logs([offered(host, log2=1).row(host.log)], more=False)) == []


def test_a_log_that_was_begun_while_the_relay_tells_what_it_has_waits_for_the_rest():
    host = shared()
    upload = uploading()
    assert upload.took(Own(host)) == []
    assert upload.take_untrusted(offered(host, log1=2).logs()) == [AppendFrom(host.log, 2)]


def test_receipts_say_how_far_the_relay_is():
    host = shared()
    upload = uploading(Own(host))
    upload.take_untrusted(offered(host).logs())
    for size in (2, 4, 3):
        assert upload.take_untrusted(m.Stored(host.log, size, host.heads[host.log][size])) == []
    assert upload.stored == {host.log: 4}


@pytest.mark.parametrize(
    ("log", "size", "head"), [(drawn("log"), 1, None), (None, 6, bytes(32)), (None, 3, drawn("head"))]
)
def test_a_receipt_for_what_was_not_sent_is_malformed(log, size, head):
    host = shared()
    upload = uploading(Own(host))
    upload.take_untrusted(offered(host).logs())
    with pytest.raises(MalformedError):
        upload.take_untrusted(m.Stored(log or host.log, size, head or host.heads[host.log][size]))


def test_a_relay_that_lost_what_it_receipted_gets_it_again():
    host = shared()
    upload = uploading(Own(host))
    upload.take_untrusted(offered(host).logs())
    upload.take_untrusted(m.Stored(host.log, 5, host.heads[host.log][5]))
    again = uploading(Own(host))
    assert again.take_untrusted(offered(host, log1=1).logs()) == [AppendFrom(host.log, 1)]


def test_what_a_crash_took_from_us_is_left_at_the_relay():
    host = shared()
    upload = uploading(Own(host, size=3, is_written=False))
    assert upload.take_untrusted(offered(host, log1=5).logs()) == []


# --- copies of this home


def asked(upload, logs, log, seq):
    assert upload.take_untrusted(logs) == [Ask(m.Fetch(log, seq, 1))]


def test_a_log_of_our_key_that_we_never_began_is_looked_at_and_reported():
    host = shared()
    upload = uploading()
    asked(upload, offered(host, log1=3).logs(), host.log, 0)
    answer = m.Entries(host.log, 0, host.records[host.log][:1])
    assert upload.take_untrusted(answer) == [UnknownOwnLog(host.log, 1)]


def test_a_log_that_comes_up_later_is_looked_at_too():
    host = shared()
    upload = uploading(known=[host.log])
    assert upload.take_untrusted(offered(host).logs()) == []
    host.begin()
    asked(upload, offered(host, log2=3).logs(), host.log, 0)
    assert upload.take_untrusted(offered(host, log2=3).logs()) == []  # it was asked for
    [found] = upload.take_untrusted(m.Entries(host.log, 0, host.records[host.log][:1]))
    assert found == UnknownOwnLog(host.log, 2)


def test_a_log_that_is_not_to_be_there_and_is_known_is_no_copy():
    host = shared()
    assert uploading(known=[host.log]).take_untrusted(offered(host, log1=5).logs()) == []


def test_a_relay_that_names_a_log_and_does_not_show_it_signed_is_not_believed():
    host = shared()
    log = drawn("invented")
    row = offered(host, log1=5).row(host.log, log=log, generation=2**62)
    first = host.records[host.log][:1]
    member = PureRelay(host).row(host.log, writer=MEMBER.public, log=log)
    assert uploading().take_untrusted(m.Logs([member], more=False)) == []
    for answer in (m.Entries(log, 0, []), m.Entries(log, 0, first), m.Entries(log, 1, first)):
        upload = uploading()
        asked(upload, m.Logs([row], more=False), log, 0)
        with pytest.raises((MalformedError, ChainError)):
            upload.take_untrusted(answer)
        assert upload.state is State.OVER


def test_another_entry_of_a_log_that_is_being_written_is_a_copy_at_work():
    host = shared()
    upload = uploading(Own(host))
    row = offered(host, log1=5).row(host.log, head=drawn("another"))
    asked(upload, m.Logs([row], more=False), host.log, 4)
    assert upload.take_untrusted(m.Entries(host.log, 4, [forked(host, 4)])) == [Diverged(host.log, 4)]


def test_more_than_was_ever_sealed_is_a_copy_at_work():
    host = shared()
    upload = uploading(Own(host, size=4))
    asked(upload, offered(host, log1=5).logs(), host.log, 4)
    answer = m.Entries(host.log, 4, host.records[host.log][4:])
    assert upload.take_untrusted(answer) == [Diverged(host.log, 4)]


def test_a_grant_that_our_disk_lacks_says_that_it_is_an_older_disk():
    host = shared()
    host.rotate()
    records = host.records[host.log]
    upload = uploading(Own(host, size=4, is_written=False))
    asked(upload, offered(host, log1=len(records)).logs(), host.log, 5)
    assert upload.take_untrusted(m.Entries(host.log, 5, records[5:6])) == [Diverged(host.log, 5)]


def test_what_is_no_grant_says_nothing_of_our_disk():
    host = shared()
    upload = uploading(Own(host, size=3, is_written=False))
    row = offered(host, log1=5).row(host.log, grant=4)
    asked(upload, m.Logs([row], more=False), host.log, 4)
    with pytest.raises(MalformedError):
        upload.take_untrusted(m.Entries(host.log, 4, host.records[host.log][4:]))


def test_a_relay_that_claims_another_head_and_has_our_entry_lies():
    host = shared()
    upload = uploading(Own(host))
    row = offered(host, log1=5).row(host.log, head=drawn("another"))
    asked(upload, m.Logs([row], more=False), host.log, 4)
    with pytest.raises(MalformedError):
        upload.take_untrusted(m.Entries(host.log, 4, host.records[host.log][4:]))


def test_where_our_own_hash_is_not_at_hand_the_relay_will_say_whether_it_has_another_entry():
    host = shared()
    log = Own(host, forgotten=4)
    upload = uploading(log)
    assert upload.take_untrusted(offered(host, log1=2).logs()) == [AppendFrom(host.log, 2)]
    log = Own(host)
    upload = uploading(log)
    row = offered(host, log1=3).row(host.log, head=drawn("another"))
    asked(upload, m.Logs([row], more=False), host.log, 2)
    log.forgotten = 5
    assert upload.take_untrusted(m.Entries(host.log, 2, [forked(host, 2)])) == [AppendFrom(host.log, 3)]


def test_at_most_so_many_questions_wait_for_an_answer():
    host = Host()
    for _ in range(MOST_QUESTIONS + 3):
        host.begin(blank=True)
    upload = uploading()
    relay = PureRelay(host)
    questions = upload.take_untrusted(relay.logs())
    assert len(questions) == MOST_QUESTIONS
    found = []
    while questions:
        [answer] = relay.answers(questions.pop(0).message)
        for effect in upload.take_untrusted(answer):
            (questions if isinstance(effect, Ask) else found).append(effect)
    assert {effect.log for effect in found} == set(host.records)


# --- every pair of state and message

HERE = shared()
SOME = {
    "Logs": PureRelay(HERE).logs(),
    "Logs with more": PureRelay(HERE).logs()._replace(more=True),
    "Stored": m.Stored(HERE.log, 5, HERE.heads[HERE.log][5]),
    "Entries": m.Entries(drawn("log"), 0, HERE.records[HERE.log][:1]),
    "EntryPart": m.EntryPart(drawn("log"), 0, 0, 300_000, bytes(256 * 1024)),
}
TAKEN = {
    State.LISTING: {"Logs", "Logs with more"},
    State.OPEN: {"Logs", "Stored", "EntryPart"},  # of a part it is judged once it is whole
    State.OVER: set(),
}


@pytest.mark.parametrize(("state", "name"), list(itertools.product(State, SOME)))
def test_every_message_in_every_state_is_decided(state, name):
    upload = uploading(Own(HERE))
    if state is not State.LISTING:
        upload.take_untrusted(PureRelay(HERE).logs())
    if state is State.OVER:
        with pytest.raises(MalformedError):
            upload.take_untrusted(SOME["Entries"])
    assert upload.state is state
    if name in TAKEN[state]:
        upload.take_untrusted(SOME[name])
        return
    with pytest.raises(LocalError if state is State.OVER else MalformedError):
        upload.take_untrusted(SOME[name])
    assert upload.state is State.OVER
