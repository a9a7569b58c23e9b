"""The listing as people read it."""

import pytest

from cctm.cli.commands.ls import SHOWN_ENDED, listing
from cctm.cli.table import cells
from control_messages import ROW

NOW_S = 1_000_000
BUSY = ROW._replace(running=True, ended_us=None, clients=0, stalled="", created_us=(NOW_S - 7200) * 1_000_000)
DONE = ROW._replace(stalled="", created_us=(NOW_S - 7200) * 1_000_000, ended_us=(NOW_S - 300) * 1_000_000)


def lines(*rows, width=None, shown_ended=SHOWN_ENDED):
    return listing(list(rows), NOW_S, width, shown_ended).split("\n")


def ended(number):
    return DONE._replace(name=f"t{number}", ended_us=(NOW_S - 10_000 + number) * 1_000_000)


def test_each_terminal_is_shown_with_the_beginning_of_its_id_its_age_and_how_and_when_it_ended():
    done = DONE._replace(name="build", channel=bytes.fromhex("3f9c01d2" + "00" * 28))
    assert lines(BUSY, done) == [
        "NAME   ID        STATE           AGE  SIZE   STORED   COMMAND",
        "work   00000000  running         2h   80x24  4.0 KiB  make -j8",
        "build  3f9c01d2  exit 3, 5m ago  2h   -      4.0 KiB  make -j8",
    ]


def test_by_what_relay_one_was_joined_is_shown_where_one_was():
    shown = lines(BUSY, BUSY._replace(name="theirs", place="https://relay.example"), width=200)
    assert [line.split()[3] for line in shown] == ["PLACE", "-", "https://relay.example"]
    assert shown[2].index("2h") == shown[0].index("AGE")
    assert "PLACE" not in lines(BUSY)[0]


def test_one_whose_end_is_not_stored_yet_says_why_and_not_when():
    assert "exit 3 (disk full)  2h" in lines(DONE._replace(ended_us=None, stalled="disk full"))[1]


def test_running_ones_come_first_then_the_latest_end():
    shown = lines(ended(1), BUSY, ended(3), ended(2))
    assert [line.split()[0] for line in shown] == ["NAME", "work", "t3", "t2", "t1"]


def test_of_many_that_ended_the_newest_are_shown_and_the_others_counted():
    shown = lines(BUSY, *map(ended, range(13)))
    assert [line.split()[0] for line in shown[2:-1]] == [f"t{number}" for number in range(12, 2, -1)]
    assert shown[-1] == "… and 3 more ended within a day: cctm ls -a"
    assert len(lines(*map(ended, range(10)))) == 11
    assert len(lines(*map(ended, range(13)), shown_ended=13)) == 14


def test_the_columns_stand_below_each_other_whatever_a_name_is_made_of():
    shown = lines(*(BUSY._replace(name=name) for name in ("ascii", "界界", "e\u0301te\u0301", "🚀")))
    assert {cells(line[: line.index("make" if at else "COMMAND")]) for at, line in enumerate(shown)} == {
        cells(shown[0][: shown[0].index("COMMAND")])
    }


def test_nothing_in_a_listing_steers_the_terminal():
    text = "\n".join(lines(BUSY._replace(name="\x1b[31mlong name", command="x\ny\u202ez"), width=80))
    assert "\x1b" not in text
    assert "x\ufffdy\ufffdz" in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("name", ["n" * 64, "界" * 64, "short"])
def test_in_a_window_no_line_is_wider_than_it(width, name):
    shown = lines(BUSY._replace(name=name, command="make " * 100), BUSY, width=width)
    assert max(map(cells, shown)) <= width
    if width >= 80:
        assert "running" in shown[1]
    assert shown[1].endswith("…")


def test_in_a_pipe_nothing_is_cut():
    long = BUSY._replace(name="n" * 64, command="make " * 100 + "end")
    assert lines(long)[1].startswith("n" * 64 + "  ")
    assert lines(long)[1].endswith("end")
