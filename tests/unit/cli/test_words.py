"""Ages, sizes and statuses as people read them, and as they write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.cli import words
from cctm.cli.commands.kill import _signal_number
from cctm.cli.commands.ls import row_as_json
from cctm.cli.commands.new import _parse_size
from cctm.cli.commands.prune import _bytes
from cctm.cli.errors import MistakeError
from cctm.cli.parameters import MOST
from cctm.cli.parameters import seconds as _seconds
from control_messages import ROW


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h")),
        *((86_399, "23h"), (86_400, "1d"), (86_400 * 400, "400d")),
    ],
)
def test_an_age_is_said_in_one_unit(seconds, said):
    assert words.age(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (61, "2m"),
        (5_400, "1h 30m"),
        (7_199.5, "2h"),
        (86_399, "1d"),
        (86_400 + 1_800, "1d"),
        (604_800 - 3_600, "6d 23h"),
    ],
)
def test_what_is_left_of_a_time_is_said_to_the_minute(seconds, said):
    assert words.time_left(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10_137, "9.9 KiB"), (10_190, "10 KiB")),
        *(
            (1024 * 1023, "1023 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (20 << 20, "20 MiB"),
            (3 << 30, "3.0 GiB"),
        ),
        *((5 << 40, "5.0 TiB"), (5000 << 40, "5000 TiB")),
    ],
)
def test_a_size_is_said_in_binary_units(count, said):
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("number", "words_", "said"),
    [
        (0, ("log",), "0 logs"),
        (1, ("log",), "1 log"),
        (2, ("log",), "2 logs"),
        (1, ("entry", "entries"), "1 entry"),
        (8, ("entry", "entries"), "8 entries"),
    ],
)
def test_a_number_of_things_agrees_with_them(number, words_, said):
    assert words.count(number, *words_) == said


@given(st.integers(1024, 1 << 49))
def test_a_size_has_at_most_four_digits_and_is_off_by_a_twentieth_at_most(count):
    number, unit = words.size(count).split()
    assert 1 <= float(number) < 1024
    said = float(number) * 1024 ** ("KiB", "MiB", "GiB", "TiB").index(unit) * 1024
    assert abs(said - count) <= count / 20


@pytest.mark.parametrize(
    ("how", "code", "said", "status"),
    [
        (0, 0, "exit 0", 0),
        (0, 3, "exit 3", 3),
        (1, 9, "SIGKILL", 137),
        (1, 15, "SIGTERM", 143),
        (1, 63, "signal 63", 191),
        (2, 0, "lost", 1),
    ],
)
def test_an_end_is_said_and_stood_for_as_a_shell_would(how, code, said, status):
    assert words.ended(how, code) == said
    assert words.exit_status(how, code) == status


def test_a_state_is_one_word():
    assert words.state(ROW._replace(running=True, clients=0)) == "running"
    assert words.state(ROW._replace(running=True, clients=2)) == "attached"
    assert words.state(ROW._replace(how=0, code=3)) == "exit 3"
    assert words.state(ROW._replace(how=None, code=None)) == "exit 0"


@given(st.text())
def test_what_is_printable_steers_no_terminal(text):
    shown = words.printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)


def test_what_was_printable_stays():
    assert words.printable("täxt 界 €") == "täxt 界 €"
    assert words.printable("a\x1b[31mb\nc\x9b\u202e") == "a\ufffd[31mb\ufffdc\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_an_age_is_understood(text, seconds):
    assert _seconds(None, None, text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("5", 5),
        ("500B", 500),
        ("1K", 1024),
        ("20G", 20 << 30),
        ("20GB", 20 << 30),
        ("20GiB", 20 << 30),
        ("1T", 1 << 40),
    ],
)
def test_a_size_is_understood(text, count):
    assert _bytes(None, None, text) == count


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1.5h", "1 d", "1y", "٣d", "1D", "9999999999d"])
def test_what_is_no_age_is_refused(text):
    with pytest.raises(MistakeError, match="is not an age"):
        _seconds(None, None, text)


@pytest.mark.parametrize("text", ["", "G", "-1", "1.5G", "1 G", "1P", "٣", "1g", "9999999999999"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(MistakeError, match="is not a size"):
        _bytes(None, None, text)


def test_no_option_is_nothing():
    assert _seconds(None, None, None) is None
    assert _bytes(None, None, None) is None
    assert _signal_number(None, None, None) == 0


def test_the_largest_ages_and_sizes_fit_a_message():
    assert _seconds(None, None, "999999999w") * 1_000_000 <= MOST
    assert _bytes(None, None, "999999999999T") <= MOST


@pytest.mark.parametrize(
    ("text", "number"), [("TERM", 15), ("SIGTERM", 15), ("term", 15), ("9", 9), ("HUP", 1)]
)
def test_a_signal_is_understood(text, number):
    assert _signal_number(None, None, text) == number


@pytest.mark.parametrize("text", ["", "SIG", "NOPE", "0", "65", "-9", "_DFL", "²", "٩", "999"])
def test_what_is_no_signal_is_refused(text):
    with pytest.raises(MistakeError, match="is not a signal"):
        _signal_number(None, None, text)


def test_columns_and_rows_are_understood():
    assert _parse_size("80x24") == (80, 24)
    assert _parse_size("65535X1") == (65535, 1)


@pytest.mark.parametrize(
    "text", ["", "80", "80x", "x24", "0x24", "80x0", "65536x1", "8x24x1", "-1x5", "8 x 2", "٣x٣"]
)
def test_what_is_no_size_of_a_terminal_is_refused(text):
    with pytest.raises(MistakeError, match="is not a size"):
        _parse_size(text)


def test_a_listing_says_in_json_how_a_terminal_ended():
    ended = row_as_json(ROW)
    assert (ended["place"], row_as_json(ROW._replace(place="https://x"))["place"]) == (None, "https://x")
    assert (ended["state"], ended["exit_status"], ended["signal"], ended["lost"]) == ("ended", 3, None, False)
    killed = row_as_json(ROW._replace(how=1, code=9))
    assert (killed["exit_status"], killed["signal"], killed["lost"]) == (None, 9, False)
    lost = row_as_json(ROW._replace(how=2))
    assert (lost["exit_status"], lost["signal"], lost["lost"]) == (None, None, True)
    running = row_as_json(ROW._replace(running=True, ended_us=None))
    assert (running["state"], running["exit_status"], running["ended"]) == ("running", None, None)
