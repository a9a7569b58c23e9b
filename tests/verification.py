"""An archive is damaged, and verified: what is found."""

from archive_fixtures import DEVICE, records, write_file
from cctm.archive.catalogue import Catalogue, Checkpoint
from cctm.archive.segment import MAGIC
from cctm.archive.verify import verify_channel


def report_on(archive, channel, **options):
    return verify_channel(archive, channel, pause=options.pop("pause", lambda: None), **options)


def faults(archive, channel):
    """What is found: (fault, entry)."""
    return [(finding.fault, finding.seq) for finding in report_on(archive, channel).findings]


def remember(home, recording, log=-1, size=None, head=None):
    """Have the catalogue know how far a log went."""
    recorded = recording.logs[log]
    writer = recording.writer
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_checkpoint(
        Checkpoint(
            recorded.ref,
            len(recorded.sealed) if size is None else size,
            writer.head if head is None else head,
            *(recording.stream, 0, 1, 0),
            ended=None,
        )
    )
    catalogue.close()


def rewrite(path, payloads):
    write_file(path, MAGIC + records(payloads))
