"""SPEC.md §8 and the table in the code say the same."""

import re
from pathlib import Path

import pytest

from cctm.protocol.codec import Value
from cctm.protocol.control import requests, values
from cctm.protocol.control.frames import MAX_FRAME, MESSAGES, VERSION
from cctm.protocol.control.replies import Row

SPEC = Path(__file__).parents[3] / "SPEC.md"
SECTION = SPEC.read_text().partition("\n## 8 ")[2].partition("\n## 9 ")[0]
KINDS = {
    int: "u",
    bool: "bool",
    bytes: "bin",
    str: "str",
    int | None: "u or nil",
    bytes | None: "bin or nil",
    list[bytes]: "[bin…]",
    list[list[bytes]]: "[[bin…]…]",
    list[Value]: "[any…]",
    list[Row]: "[row…]",
}


def fields(message):
    return ", ".join(f"{name} {KINDS[kind]}" for name, kind in message.__annotations__.items())


def direction(message):
    return "c→d" if message.__module__ == requests.__name__ else "d→c"


def test_the_table_of_messages_is_that_of_the_specification():
    lines = re.findall(r"^\| *(\d+) *\| *(\w+) *\| *(\S+) *\| *(.*?) *\|$", SECTION, re.MULTILINE)
    assert [(int(number), *rest) for number, *rest in lines] == [
        (number, message.__name__, direction(message), fields(message))
        for number, message in MESSAGES.items()
    ]


def test_the_fields_of_a_row_are_those_of_the_specification():
    [row] = re.findall(r"^row: (.*)\.$", SECTION, re.MULTILINE)
    assert row == fields(Row)


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
        ("`reason` of Refused", values.Reason),
    ],
)
def test_the_words_behind_the_numbers_are_those_of_the_specification(word, kind):
    [listed] = re.findall(rf"{word}: ([^.:]+)\.", SECTION)
    said = dict(re.findall(r"(\d+) ([a-z ]+)", re.sub(r"\s+", " ", listed)))
    assert said == {str(member.value): member.name.lower().replace("_", " ") for member in kind}
