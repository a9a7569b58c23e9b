"""Queries: sequences that a terminal answers as if somebody had typed. A replay must not ask them again.

DA1–3, DSR and CPR, DECRQM, DECREQTPARM, checksums, graphics and key modes, window reports, XTVERSION, kitty `?u`
and graphics, DECRQSS and XTGETTCAP, colour and pointer queries (OSC 4, 5, 10–19, 21, 22 with `?`), OSC 52 (the
clipboard, read or written), ENQ, DECID.
"""

import re
from typing import Final

# Each introducer in its 7-bit form and as UTF-8 of its C1 form. Inside a control sequence a terminal executes C0
# characters and goes on; numbers may have leading zeros.
_CSI: Final = rb"(?:\x1b\[|\xc2\x9b)"
_OSC: Final = rb"(?:\x1b\]|\xc2\x9d)0*"
_DCS: Final = rb"(?:\x1bP|\xc2\x90)"
_N: Final = rb"[0-9;:\x00-\x17\x19\x1c-\x1f]*"
_END: Final = rb"(?:\x1b\\|\x07|\xc2\x9c)"
_BODY: Final = rb"[^\x1b\x07]*?"

_QUERY: Final = re.compile(
    b"|".join(
        (
            _CSI + rb"[?>=]?" + _N + rb"[cn]",
            _CSI + rb"\??" + _N + rb"\$p",
            _CSI + rb">" + _N + rb"q",
            _CSI + rb"\?" + _N + rb"u",
            _CSI + _N + rb"(?:x|\*y|\$[uw])",
            _CSI + rb"\?" + _N + rb"[Sm]",
            _CSI + rb"0*(?:1[13-9]|2[01])(?:;" + _N + rb")?t",
            rb"(?:\x1b_|\xc2\x9f)G" + _BODY + _END,
            _DCS + rb"[$+]q" + _BODY + _END,
            _OSC + rb"(?:4|1[0-9])[0-9;]*;\?" + _END,
            _OSC + rb"(?:4|5);[0-9;?]*\?" + _END,
            _OSC + rb"(?:21;" + _BODY + rb"=|22;)\?" + _BODY + _END,
            _OSC + rb"52;" + _BODY + _END,
            rb"\x05|\x1bZ|\xc2\x9a",
        )
    )
)


def without_queries(output: bytes) -> bytes:
    """*output* without what a terminal would answer. The caller cuts it where no sequence is split."""
    return _QUERY.sub(b"", output)
