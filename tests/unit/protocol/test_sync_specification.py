"""SPEC.md §14, §15 and the code say the same."""

import specification
from cctm.protocol.admission import MAX_LIST_BYTES, MAX_MEMBERS, Verb
from cctm.protocol.link import MAX_LINK
from cctm.protocol.sync.messages import MAX_LIVE, MAX_MESSAGE, MAX_RECORDS_BYTES, MESSAGES, PART_BYTES, LogRow
from cctm.protocol.sync.serving import Reason

SECTION = specification.section(15)


def test_the_table_of_messages_is_that_of_the_specification():
    assert specification.messages(SECTION) == [
        (number, message.__name__, "c→s" if number < 64 else "s→c", specification.fields(message))
        for number, message in MESSAGES.items()
    ]
    assert specification.row(SECTION) == specification.fields(LogRow)


def test_the_words_behind_the_numbers_are_those_of_the_specification():
    assert specification.numbered(SECTION, "`reason`") == specification.named(Reason)
    assert specification.numbered(SECTION, "Verbs") == specification.named(Verb)


def test_the_limits_are_those_of_the_specification():
    assert (MAX_MESSAGE, MAX_RECORDS_BYTES, PART_BYTES, MAX_LIVE) == (2**20, 2**18, 2**18, 2**16)
    assert "at most 1 MiB" in SECTION
    assert SECTION.count("256 KiB") == 2
    assert "`Live.data` is at most 64 KiB" in SECTION
    assert f"at most {MAX_MEMBERS:,}, the whole at most {MAX_LIST_BYTES // 1024} KiB" in SECTION
    assert f"At most {MAX_LINK:,} characters" in specification.section(14)
