"""What a command says beside a record that is not whole."""

import pytest

from cctm.archive.fold import Conflict, Hole
from cctm.archive.reader import Terminal
from cctm.cli.archive import output_of
from cctm.protocol.keys import ChannelId, StreamId

STREAM = StreamId(bytes(16))
TERMINAL = Terminal(ChannelId(bytes(32)), None, 0)


class Folded:
    """An archive of which only the folded output matters."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def fold_output(self, _channel):
        return iter(self.pieces)


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        (Hole(STREAM, 5, 1, declared=True), "At byte 5, output of 1 byte was not recorded here."),
        (Hole(STREAM, 5, 7, declared=False), "At byte 5, output of 7 bytes is missing from the record."),
        (
            Hole(STREAM, 5, None, declared=True),
            "At byte 5, output of an unknown number of bytes was not recorded here.",
        ),
        (
            Conflict(STREAM, 5, 2),
            "At byte 5, output of 2 bytes is recorded twice and differs; the first is written.",
        ),
    ],
)
def test_what_is_missing_or_contradictory_is_said_and_the_rest_is_written(capsys, piece, said):
    assert list(output_of(Folded(b"one", piece, b"two"), TERMINAL)) == [b"one", b"two"]
    assert capsys.readouterr().err == f"cctm: {said}\n"


def test_a_hole_of_nothing_is_not_worth_a_word(capsys):
    assert list(output_of(Folded(Hole(STREAM, 5, 0, declared=True)), TERMINAL)) == []
    assert capsys.readouterr().err == ""
