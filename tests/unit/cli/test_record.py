"""The record in blocks, from its end backwards: the same lines as read from the beginning."""

import os
import random

import pytest

from archive_fixtures import DEVICE, Recording, change_file, make_home, record_spans, records, write_file
from cctm.archive.files import channel_directory, segment_path
from cctm.archive.reader import Archive
from cctm.archive.segment import MAGIC
from cctm.archive.writing import STRETCH
from cctm.cli import record as record_module
from cctm.cli import words
from cctm.cli.record import Record
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Gap
from cctm.screen.text import TextLines


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(record_module, "BLOCK_BYTES", 700)


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path)


def record_of(home, recording, segment_bytes=64 << 20):
    recording.write(home, segment_bytes)
    return Record(Archive(home, DEVICE), recording.channel)


def recorded(*outputs):
    recording = Recording()
    recording.begin()
    recording.opened()
    for output in outputs:
        recording.output(output)
    return recording


def all_lines(record):
    """Everything, asked for from the end backwards."""
    blocks = []
    while (lines := record.lines(len(blocks))) is not None:
        blocks.append(lines)
    return [line for block in reversed(blocks) for line in block]


def as_text(output):
    text = TextLines()
    return [words.printable(line) for line in (*text.feed(output), *text.finish())]


def in_pieces(output, seed=1, most=60):
    source = random.Random(seed)
    at = 0
    while at < len(output):
        size = source.randint(1, most)
        yield output[at : at + size]
        at += size


@pytest.mark.parametrize("seed", range(5))
def test_lines_are_those_of_the_whole_output_wherever_entries_and_blocks_end(home, seed):
    output = b"".join(b"\x1b[3%dmline %d\x1b[m %s\r\n" % (n % 8, n, b"x" * (n % 50)) for n in range(300))
    record = record_of(home, recorded(*in_pieces(output + b"no end", seed)), segment_bytes=20_000)
    assert record.oldest() > 20
    assert all_lines(record) == [*as_text(output), "no end"]


def test_a_line_over_many_blocks_is_one_line(home):
    output = b"before\r\n" + b"long " * 1000 + b"\r\nafter"
    record = record_of(home, recorded(*in_pieces(output)))
    assert all_lines(record) == ["before", ("long " * 1000).rstrip(), "after"]


def test_what_stood_on_the_alternate_screen_leaves_no_lines(home):
    editor = (
        b"\x1b[?1049h"
        + b"".join(b"\x1b[%d;1Htext of an editor\r\n" % row for row in range(300))
        + b"\x1b[?1049l"
    )
    output = b"$ edit\r\n" + editor + b"$ echo\r\nlast\r\n"
    record = record_of(home, recorded(*in_pieces(output)))
    assert all_lines(record) == ["$ edit", "$ echo", "last"]


def test_an_alternate_screen_that_is_still_shown_leaves_no_lines(home):
    output = b"$ edit\r\n\x1b[?1049h" + b"text\r\n" * 500
    record = record_of(home, recorded(*in_pieces(output)))
    assert all_lines(record) == ["$ edit"]


def test_what_a_later_log_repeats_is_shown_once(home):
    recording = recorded(*(b"line %d\r\n" % number for number in range(50)))
    before = recording.offset
    recording.begin()
    recording.output(b"line 48\r\nline 49\r\n", offset=before - 18)
    recording.output(b"line 50\r\n")
    assert all_lines(record_of(home, recording)) == [f"line {number}" for number in range(51)]


def test_a_gap_is_named(home):
    recording = recorded(b"before\r\n")
    recording.add(EntryKind.DATA, Gap(1, recording.offset, 10))
    recording.output(b"after\r\n", offset=recording.offset + 10)
    lines = [line for line in all_lines(record_of(home, recording)) if line]
    assert lines == ["before", "[not recorded]", "after"]


def test_damage_costs_what_it_touches(home):
    recording = recorded(*(b"line %d\r\n" % number for number in range(60)))
    [path] = recording.write(home)

    def damage(data):
        start, end = record_spans(bytes(data))[30]
        data[(start + end) // 2] ^= 1

    change_file(path, damage)
    lines = all_lines(Record(Archive(home, DEVICE), recording.channel))
    assert len(lines) == 59
    assert lines[-1] == "line 59"


def test_lines_hold_nothing_that_steers_a_terminal(home):
    output = b"a\x1b]0;t\x07b\xc2\x9b5mc\x00d\xe2\x80\xaee\r\n"
    [line] = all_lines(record_of(home, recorded(output)))
    assert line.isprintable()


def test_an_empty_record_has_no_lines(home):
    record = record_of(home, recorded())
    assert all_lines(record) == []
    assert Record(Archive(home, DEVICE), Recording(2).channel).lines(0) is None


def test_the_part_before_a_block_falls_to_nothing(home):
    record = record_of(home, recorded(*(b"line %d\r\n" % number for number in range(100))))
    parts = [record.part(block) for block in range(record.oldest() + 1)]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] > 0.9
    assert parts[-1] == 0


def test_only_the_end_is_read_to_show_the_end(home, monkeypatch):
    record = record_of(home, recorded(*(b"line %d\r\n" % number for number in range(2000))))
    opened = []
    pieces = record._pieces
    monkeypatch.setattr(record, "_pieces", lambda block: opened.append(block) or pieces(block))
    monkeypatch.setattr(record_module, "LOOK_BACK_BYTES", 100)
    assert record.lines(0)[-1] == "line 1999"
    assert len(opened) < 30


def test_what_was_fetched_since_is_taken_in_and_what_was_printed_since_is_not(home):
    recording = recorded(*(b"line %d\r\n" % number for number in range(300)))
    [log] = recording.logs
    payloads = log.payloads

    def place(number, some):
        write_file(segment_path(home.archive, log.ref, number), MAGIC + records(some))

    os.makedirs(channel_directory(home.archive, recording.channel))
    place(1, payloads[:2])  # the grant gives the keys
    place(STRETCH, payloads[200:290])
    record = Record(Archive(home, DEVICE), recording.channel)
    end = all_lines(record)
    newest = record.lines(0)
    assert record.extend() == record.oldest() + 1
    assert all_lines(record) == end
    place(STRETCH - 1, payloads[100:200])
    place(STRETCH, payloads[200:])
    first = record.extend()
    assert (first > 0, record.lines(0)) == (True, newest)
    assert len(all_lines(record)) > len(end) + 90
    place(STRETCH - 2, payloads[2:100])
    assert record.extend() > first
    assert all_lines(record) == [f"line {number}" for number in range(int(end[-1].split()[1]) + 1)]


def test_an_older_log_that_was_fetched_since_is_taken_in(home):
    recording = recorded(*(b"line %d\r\n" % number for number in range(50)))
    recording.begin()
    for number in range(50, 100):
        recording.output(b"line %d\r\n" % number)
    older, newer = recording.logs
    os.makedirs(channel_directory(home.archive, recording.channel))
    write_file(segment_path(home.archive, newer.ref, 1), MAGIC + records(newer.payloads))
    record = Record(Archive(home, DEVICE), recording.channel)
    assert all_lines(record)[-1] == "line 99"
    newest = record.lines(0)
    write_file(segment_path(home.archive, older.ref, 1), MAGIC + records(older.payloads))
    record.extend()
    assert record.lines(0) == newest
    assert all_lines(record) == [f"line {number}" for number in range(100)]
