"""Queries: sequences that a terminal answers as if somebody had typed. A replay must not ask them again.

DA1–3, DSR and CPR, DECRQM, DECREQTPARM, checksums, graphics and key modes, window reports, XTVERSION, kitty `?u`
and graphics, DECRQSS and XTGETTCAP, colour and pointer queries (OSC 4, 5, 10–19, 21, 22 with `?`), OSC 52 (the
clipboard, read or written), ENQ, DECID.
"""

import re
from typing import Final

_QUERY: Final = re.compile(
    rb"\x1b\[[?>=]?[0-9;]*[cn]"
    rb"|\x1b\[\??[0-9;]*\$p"
    rb"|\x1b\[>[0-9;]*q"
    rb"|\x1b\[\?u"
    rb"|\x1b\[[0-9;]*(?:x|\*y|\$[uw])"
    rb"|\x1b\[\?[0-9;]*[Sm]"
    rb"|\x1b_G[^\x1b\x07]*\x1b\\"
    rb"|\x1b\[(?:1[13-9]|2[01])(?:;[0-9;]*)?t"
    rb"|\x1bP[$+]q[^\x1b\x07]*(?:\x1b\\|\x07)"
    rb"|\x1b\](?:4|1[0-9])[0-9;]*;\?(?:\x1b\\|\x07)"
    rb"|\x1b\](?:4|5);[0-9;?]*\?(?:\x1b\\|\x07)"
    rb"|\x1b\](?:21;[^\x1b\x07]*=|22;)\?[^\x1b\x07]*(?:\x1b\\|\x07)"
    rb"|\x1b\]52;[^\x1b\x07]*(?:\x1b\\|\x07)"
    rb"|\x05|\x1bZ"
)


def without_queries(output: bytes) -> bytes:
    """*output* without what a terminal would answer. The caller cuts it where no sequence is split."""
    return _QUERY.sub(b"", output)
