"""How many entries of each log a crash left, whatever the catalogue knows of them."""

from pathlib import Path

from cctm.archive.catalogue import Checkpoint
from cctm.archive.files import channel_directory, segment_path
from cctm.archive.segment import MAGIC, LogRef, frame
from cctm.cctmd.links.stored import sizes
from cctm.protocol.entry import encode_record
from samples import CHANNEL, host_log, host_writer

REF = LogRef(CHANNEL, host_writer().log, 1)
RECORDS = [encode_record(sealed) for sealed in host_log()]


def stored(place: Path, records: list[bytes], tail: bytes = b"") -> str:
    Path(channel_directory(str(place), CHANNEL)).mkdir(parents=True)
    framed = b"".join(frame(record) + record for record in records)
    Path(segment_path(str(place), REF, 1)).write_bytes(MAGIC + framed + tail)
    return str(place)


def test_a_log_of_which_the_catalogue_knows_nothing_is_counted(tmp_path: Path) -> None:
    archive = stored(tmp_path, RECORDS)
    assert sizes(archive, CHANNEL, []) == [(REF, len(RECORDS))]


def test_what_lies_behind_a_checkpoint_is_counted(tmp_path: Path) -> None:
    archive = stored(tmp_path, RECORDS)
    behind = len(MAGIC) + len(frame(RECORDS[0])) + len(RECORDS[0])
    known = Checkpoint(REF, 1, bytes(32), None, 0, 1, behind, None)
    assert sizes(archive, CHANNEL, [known]) == [(REF, len(RECORDS))]


def test_a_record_that_is_not_whole_does_not_count(tmp_path: Path) -> None:
    archive = stored(tmp_path, RECORDS[:-1], frame(RECORDS[-1]) + RECORDS[-1][:5])
    assert sizes(archive, CHANNEL, []) == [(REF, len(RECORDS) - 1)]
