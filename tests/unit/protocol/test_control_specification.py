"""SPEC.md §8 and the table in the code say the same."""

import pytest

import specification
from cctm.protocol.control import requests, values
from cctm.protocol.control.frames import MAX_FRAME, MESSAGES, VERSION
from cctm.protocol.control.replies import LinkRow, PersonRow, Row

SECTION = specification.section(8)


def direction(message):
    return "c→d" if message.__module__ == requests.__name__ else "d→c"


def test_the_table_of_messages_is_that_of_the_specification():
    assert specification.messages(SECTION) == [
        (number, message.__name__, direction(message), specification.fields(message))
        for number, message in MESSAGES.items()
    ]


@pytest.mark.parametrize(("kind", "row"), [("row", Row), ("person", PersonRow), ("link", LinkRow)])
def test_the_fields_of_a_row_are_those_of_the_specification(kind, row):
    assert specification.row(SECTION, kind) == specification.fields(row)


def test_the_version_and_the_limit_are_those_of_the_specification():
    assert f"versions ({VERSION})" in SECTION
    assert MAX_FRAME == 1 << 20
    assert "at most 1 MiB" in SECTION


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("`mode`", values.Mode),
        ("`rights`", values.Rights),
        ("`others`", values.Others),
        ("`scope`", values.Scope),
        ("`severity`", values.Severity),
        ("`parted`", values.Parted),
        ("`reason` of Refused", values.Reason),
        ("`action` of Floor", values.FloorAction),
    ],
)
def test_the_words_behind_the_numbers_are_those_of_the_specification(word, kind):
    assert specification.numbered(SECTION, word) == specification.named(kind)
