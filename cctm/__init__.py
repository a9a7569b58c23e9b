"""CCTM: terminals that outlive you, remember everything, and can be shared without trusting anyone in between.

protocol/   values and state machines: bytes in, bytes and effects out; no I/O
archive/    segment files and catalogue: what is kept, and how it is read again
screen/     what a terminal's bytes mean to a screen; no I/O
keeper/     the small process that owns the shells; standard library only
cctmd/      the daemon: records, serves clients
cli/        the `cctm` command
home.py     where everything lives on disk
"""

__version__ = "0.1.0"
