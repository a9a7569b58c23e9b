"""What a terminal may be called."""

import pytest

from cctm.cctmd.naming import check_name
from cctm.cctmd.services import RefusedError
from cctm.protocol.control.values import Reason


@pytest.mark.parametrize(
    "name",
    [
        *("build", "5", "8080", "20240131", "a b", "v1.2", "täxt", "界", "🚀", "+", "a\u200bb"),
        *("abc", "cafe-1", "cafés", "efgh", "x" * 64),
    ],
)
def test_what_shows_and_is_no_id_is_a_name(name):
    check_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *(
            (name, "a letter, digit or symbol among them")
            for name in ("", " ", ".", "..", "\u200b", "\u3164")
        ),
        *((name, "a letter, digit or symbol among them") for name in ("-x", "a\nb", "x" * 65, "a\u202eb")),
        *((name, "looks like the beginning of an id") for name in ("cafe", "1A2b", "0123456789abcdef" * 4)),
    ],
)
def test_what_does_not_show_or_looks_like_an_id_is_refused(name, why):
    with pytest.raises(RefusedError, match=why) as caught:
        check_name(name)
    assert caught.value.reason is Reason.BAD_NAME
