"""The looking for traces itself: what is there is found."""

from base64 import b64encode, urlsafe_b64encode

import pytest

from recording_proxy import payloads
from traces import found

SECRET = b"\xfbk\xefjackdaw\xff\xfe4"


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("behind", [b"", b"z", b"yz"])
@pytest.mark.parametrize(
    "write",
    [
        bytes,
        lambda data: data.hex().encode(),
        lambda data: data.hex().upper().encode(),
        b64encode,
        urlsafe_b64encode,
        lambda data: data.decode("latin-1").encode("utf-16-le"),
        lambda data: data.decode("latin-1").encode("utf-16-be"),
    ],
)
def test_a_secret_is_found_however_it_is_written(before, behind, write):
    place = b"..." + write(before + SECRET + behind) + b"..."
    assert found({"bird": SECRET, "fish": b"halibut"}, [("here", place)]) == [("bird", "here")]


def test_what_is_not_there_is_not_found():
    assert found({"bird": SECRET}, [("here", SECRET[:-1]), ("there", SECRET[1:])]) == []


def test_masked_frames_of_each_size_are_read():
    stream = b"GET / HTTP/1.1\r\n\r\n"
    wanted = [b"", b"short", bytes(range(256)) * 2, b"x" * 70_000]
    for data in wanted:
        mask = b"\x01\x80\xff\x22"
        size = len(data)
        longer = b"" if size < 126 else size.to_bytes(2 if size < 65_536 else 8, "big")
        first = size if size < 126 else 126 if size < 65_536 else 127
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        stream += bytes((0x82, 0x80 | first)) + longer + mask + masked
    assert list(payloads(stream)) == wanted
    assert list(payloads(stream[:-1]))[:-1] == wanted[:-1]
