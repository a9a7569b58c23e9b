"""A wrong command line gets two sentences, whoever found what is wrong: click or we."""

import re

import pytest

from cctm import __version__


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("lss", "There is no command 'lss'. Did you mean `cctm ls`?"),
        ("expotr x", "There is no command 'expotr'. Did you mean `cctm export`?"),
        ("remove x", "There is no command 'remove'. Did you mean `cctm rm`?"),
        ("frobnicate", "There is no command 'frobnicate'. See `cctm --help`."),
        ("daemon stat", "There is no command 'stat'. Did you mean `cctm daemon start`?"),
        ("daemon remove", "There is no command 'remove'. See `cctm daemon --help`."),
        ("help daemno", "There is no command 'daemno'. Did you mean `cctm daemon`?"),
        ("help ls now", "There is no command 'now'. See `cctm ls --help`."),
        ("-x", "There is no option -x. See `cctm --help`."),
        ("ls --jsno", "There is no option --jsno. Did you mean --json?"),
        ("kill", "TERMINAL… is missing. See `cctm kill --help`."),
        ("rename work", "NAME is missing. See `cctm rename --help`."),
        ("attach a b", "Got unexpected extra argument (b). See `cctm attach --help`."),
        ("export x -f png", "'png' is not one of 'raw', 'txt'. See `cctm export --help`."),
        ("kill -s NOPE x", "'NOPE' is not a signal. Say a name as in TERM, or a number."),
        ("prune", "Which records is not said. Say --older-than AGE, --keep SIZE, or both."),
    ],
)
def test_what_is_wrong_and_what_to_do_are_said_in_one_line(cctm, arguments, said):
    assert cctm(*arguments.split()) == (2, "", f"cctm: {said}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ("kill", ""),
            ("rm", "a", ""),
            ("rename", "", "b"),
            ("rename", "a", ""),
            ("export", ""),
            ("log", ""),
        ),
        *(("log", "verify", ""), ("attach", ""), ("new", "-d", "-n", "")),
    ],
)
def test_an_empty_name_is_refused(cctm, arguments):
    status, out, err = cctm(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"cctm: The (terminal's )?name is empty\. If .*\.\n", err)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("new -d sleep -x 3", "`cctm new -d -- sleep -x 3`"),
        ("new -d ls -d", "`cctm new -d -- ls -d`"),
        ("new -n build git log -- file", "`cctm new -n build -- git log -- file`"),
    ],
)
def test_an_option_behind_a_command_needs_two_dashes_before_it(cctm, arguments, wanted):
    status, out, err = cctm(*arguments.split())
    assert (status, out) == (2, "")
    assert err.endswith(f"{wanted}.\n")


def test_help_on_a_command_is_what_its_option_shows(cctm):
    assert cctm("help") == cctm("--help")
    assert cctm("help", "export") == cctm("export", "--help")
    assert cctm("help", "daemon", "stop") == cctm("daemon", "stop", "--help")
    assert cctm("help", "log", "verify")[1].startswith("Usage: cctm log verify ")


def test_a_group_without_a_command_shows_its_help(cctm):
    status, out, err = cctm("daemon")
    assert (status, out) == (2, "")
    assert err.startswith("Usage: cctm daemon ")


def test_the_version_is_said(cctm):
    assert cctm("-V") == cctm("--version") == (0, f"cctm, version {__version__}\n", "")
