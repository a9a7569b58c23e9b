"""cctm.home: where everything lives."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from cctm.home import SOCKET_PATH_LIMIT_BYTES, Home, HomeError


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_cctm_home_holds_everything(tmp_path):
    home = Home.locate({"CCTM_HOME": str(tmp_path), "HOME": "/nowhere", "XDG_DATA_HOME": "/nowhere"})
    places = [
        *(home.root, home.state, home.sockets, home.archive, home.catalogue, home.device_key),
        *(home.control_socket, home.keeper_socket, home.daemon_log, home.keeper_log, home.start_lock),
        *(home.daemon_lock, home.keeper_lock, home.agent_link),
    ]
    if len(str(tmp_path)) < 70:
        assert all(place.startswith(str(tmp_path)) for place in places)
    assert len(set(places)) >= len(places) - 1  # the sockets lie in the state directory


def test_xdg_variables_are_followed():
    home = Home.locate({"HOME": "/home/u", "XDG_DATA_HOME": "/data", "XDG_STATE_HOME": "/st"}, "linux")
    assert (home.archive, home.control_socket) == ("/data/cctm/archive", "/st/cctm/control.sock")


def test_daemons_with_different_state_directories_share_the_lock_of_their_archive():
    one, two = (
        Home.locate({"HOME": "/home/u", "XDG_DATA_HOME": "/data", "XDG_STATE_HOME": state}, "linux")
        for state in ("/one", "/two")
    )
    assert one.state != two.state
    assert one.root_lock == two.root_lock == one.daemon_lock == "/data/cctm/daemon.lock"
    assert os.path.dirname(one.root_lock) == os.path.dirname(one.archive)


def test_without_xdg_variables_or_with_relative_ones_the_defaults_hold():
    for more in ({}, {"XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}):
        home = Home.locate({"HOME": "/home/u", **more}, "linux")
        assert (home.root, home.state) == ("/home/u/.local/share/cctm", "/home/u/.local/state/cctm")


def test_macos_keeps_both_in_application_support():
    home = Home.locate({"HOME": "/Users/u"}, "darwin")
    assert home.root == "/Users/u/Library/Application Support/cctm"
    assert home.state == home.root + "/state"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"XDG_DATA_HOME": "{there}/data"},
        {"XDG_STATE_HOME": "{there}/state"},
        {"XDG_DATA_HOME": "relative", "XDG_STATE_HOME": "{there}/state"},
    ],
)
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_home_directory_that_does_not_exist_is_not_made(tmp_path, environ, platform):
    environ = {name: path.format(there=tmp_path) for name, path in environ.items()}
    missing = tmp_path / "missing"
    home = Home.locate({"HOME": str(missing), **environ}, platform)
    with pytest.raises(HomeError, match=f"The home directory {missing} does not exist"):
        home.prepare()
    assert not missing.exists()


def test_where_nothing_lies_in_the_home_directory_it_need_not_exist(tmp_path):
    places = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_STATE_HOME": str(tmp_path / "state")}
    for environ in (places, {"CCTM_HOME": str(tmp_path / "own")}):
        Home.locate({"HOME": str(tmp_path / "missing"), **environ}, "linux").prepare()
    assert not (tmp_path / "missing").exists()


def test_the_runtime_directory_is_never_used():
    environ = {"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/7"}
    assert "/run/user/7" not in repr(Home.locate(environ, "linux"))


def test_a_trailing_slash_or_an_empty_variable_changes_nothing():
    assert Home.locate({"CCTM_HOME": "/a/b//"}) == Home.locate({"CCTM_HOME": "/a/b"})
    assert Home.locate({"CCTM_HOME": "/"}).root == "/"
    assert Home.locate({"CCTM_HOME": "", "HOME": "/h"}, "linux").root == "/h/.local/share/cctm"


@pytest.mark.parametrize("environ", [{"CCTM_HOME": "here"}, {}, {"HOME": ""}, {"HOME": "here"}])
def test_a_home_that_cannot_be_told_is_refused_in_two_sentences(environ):
    with pytest.raises(HomeError) as caught:
        Home.locate(environ, "linux")
    assert caught.value.what.endswith(".")
    assert caught.value.advice.endswith(".")
    assert str(caught.value) == f"{caught.value.what} {caught.value.advice}"


def test_paths_too_long_for_a_socket_move_to_a_short_directory():
    roots = ["/" + "x" * length for length in range(40, 130)]
    homes = [Home.locate({"CCTM_HOME": root}) for root in roots]
    assert all(
        len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES
        for home in homes
        for path in (home.control_socket, home.keeper_socket, home.agent_link)
    )
    short = [home for home in homes if home.sockets != home.state]
    assert short
    assert len({home.sockets for home in short}) == len(short)
    assert all(home.sockets.startswith(f"/tmp/cctm-{os.geteuid()}/") for home in short)


def test_prepare_makes_private_directories_and_may_be_repeated(tmp_path):
    home = Home.locate({"CCTM_HOME": str(tmp_path / "deep" / "home")})
    home.prepare()
    home.prepare()
    assert {mode(path) for path in (home.root, home.archive, home.state, home.sockets)} == {0o700}


def test_an_own_directory_that_is_empty_or_ours_is_made_private(tmp_path):
    home = Home.locate({"CCTM_HOME": str(tmp_path / "home")})
    home.prepare()
    os.mkdir(os.path.join(home.archive, "ab" * 32))
    for path in (home.root, home.archive):
        os.chmod(path, 0o755)
    home.prepare()
    assert {mode(home.root), mode(home.archive)} == {0o700}


def test_a_directory_in_use_for_something_else_is_not_closed_to_others(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "photo.jpg").touch()
    shared.chmod(0o755)
    with pytest.raises(HomeError, match="other files"):
        Home.locate({"CCTM_HOME": str(shared)}).prepare()
    assert mode(shared) == 0o755


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(HomeError, match="not a directory"):
        Home.locate({"CCTM_HOME": str(tmp_path / "home")}).prepare()
    with pytest.raises(HomeError, match="not a directory"):
        Home.locate({"CCTM_HOME": str(tmp_path / "home" / "below")}).prepare()


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.ELOOP, "cannot be used"),
    ],
)
def test_what_the_system_refuses_is_said_in_words(tmp_path, monkeypatch, number, word):
    def refuse(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(HomeError, match=word):
        Home.locate({"CCTM_HOME": str(tmp_path / "home")}).prepare()


def test_a_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    uid = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    with pytest.raises(HomeError, match="another user"):
        Home.locate({"CCTM_HOME": str(tmp_path)}).prepare()


def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, _how: False)
    with pytest.raises(HomeError, match="cannot be written"):
        Home.locate({"CCTM_HOME": str(tmp_path)}).prepare()


@pytest.fixture
def long_home(tmp_path, monkeypatch):
    """A home whose sockets go to a short directory, below tmp_path instead of /tmp."""
    parent = tmp_path / "t"
    parent.mkdir()
    monkeypatch.setattr("cctm.home.SHORT_SOCKETS_PARENT", str(parent))
    return Home.locate({"CCTM_HOME": str(tmp_path / ("x" * 100))})


def test_the_short_directory_is_made_private(long_home):
    long_home.prepare()
    long_home.prepare()
    assert mode(long_home.sockets) == mode(os.path.dirname(long_home.sockets)) == 0o700


def test_a_short_directory_prepared_by_somebody_else_is_refused(long_home, tmp_path):
    first = os.path.dirname(long_home.sockets)
    os.symlink(tmp_path, first)
    with pytest.raises(HomeError, match="not a directory"):
        long_home.prepare()
    os.unlink(first)
    os.mkdir(first)
    os.chmod(first, 0o777)
    with pytest.raises(HomeError, match="open to other users"):
        long_home.prepare()


def test_a_short_directory_that_cannot_be_made_is_said_in_words(long_home, tmp_path):
    (tmp_path / "t").rmdir()
    with pytest.raises(HomeError, match="cannot be used"):
        long_home.prepare()


def test_looking_up_the_home_imports_neither_trio_nor_nacl_nor_platformdirs():
    code = "import sys, cctm.home; print([n for n in ('trio', 'nacl', 'platformdirs') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
