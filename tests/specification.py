"""The tables of messages in SPEC.md, to be compared with those in the code."""

import re
from pathlib import Path

from cctm.protocol.codec import Value
from cctm.protocol.control.replies import LinkRow, PersonRow

TEXT = (Path(__file__).parents[1] / "SPEC.md").read_text(encoding="utf-8")
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
    list[PersonRow]: "[person…]",
    list[LinkRow]: "[link…]",
}


def section(number):
    return TEXT.partition(f"\n## {number} ")[2].partition("\n## ")[0]


def fields(message):
    return ", ".join(f"{name} {KINDS.get(kind, '[row…]')}" for name, kind in message.__annotations__.items())


def messages(text):
    """Number, name, direction and fields of each message in a section."""
    lines = re.findall(r"^\| *(\d+) *\| *(\w+) *\| *(\S+) *\| *(.*?) *\|$", text, re.MULTILINE)
    return [(int(number), *rest) for number, *rest in lines]


def row(text, kind="row"):
    [one] = re.findall(rf"^{kind}: (.*)\.$", text, re.MULTILINE)
    return one


def numbered(text, word):
    """What the numbers behind *word* mean."""
    [listed] = re.findall(rf"{word}: ([^.:]+)\.", text)
    return dict(re.findall(r"(\d+) ([a-z ]+)", re.sub(r"\s+", " ", listed)))


def named(kind):
    return {str(member.value): member.name.lower().replace("_", " ") for member in kind}
