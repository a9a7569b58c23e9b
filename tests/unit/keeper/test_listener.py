"""The listening socket knows its name from another's."""

import socket

import pytest

from cctm.keeper.listener import Listener


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "sock")


def test_it_is_at_the_name_that_it_bound_until_that_is_gone_or_anothers(path, tmp_path):
    listener = Listener.bind(path)
    assert listener.is_at(path)
    (tmp_path / "sock").rename(tmp_path / "aside")
    assert not listener.is_at(path)
    (tmp_path / "sock").write_text("a file")
    assert not listener.is_at(path)
    listener.close(path)
    assert (tmp_path / "sock").read_text() == "a file"


def test_closing_takes_its_own_name_away(path, tmp_path):
    Listener.bind(path).close(path)
    assert not (tmp_path / "sock").exists()


def test_binding_takes_the_place_of_what_is_there(path):
    old = Listener.bind(path)
    new = Listener.bind(path)
    assert (old.is_at(path), new.is_at(path)) == (False, True)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        new.socket.accept()[0].close()
    old.close(path)
    new.close(path)


def test_a_name_that_cannot_be_bound_leaves_nothing_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        Listener.bind(str(tmp_path / "nowhere" / "sock"))  # a socket left open would be a ResourceWarning


def test_the_code_after_us_knows_the_name(path):
    listener = Listener.bind(path)
    resumed = Listener.resumed(listener.bound)
    assert resumed.is_at(path)
    assert not resumed.socket.get_inheritable()
    listener.socket.detach()
    resumed.close(path)
