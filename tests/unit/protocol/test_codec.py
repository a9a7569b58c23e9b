"""cctm.protocol.codec: one value, one encoding."""

import pytest

from cctm.protocol.codec import (
    MAX_DEPTH,
    MAX_ITEMS,
    decode_untrusted,
    encode,
    expect_array,
    expect_bool,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
    expect_text,
)
from cctm.protocol.errors import LocalError, MalformedError


@pytest.mark.parametrize(
    ("value", "hexed"),
    [
        (None, "c0"),
        (False, "c2"),
        (True, "c3"),
        (0, "00"),
        (127, "7f"),
        (128, "cc80"),
        (255, "ccff"),
        (256, "cd0100"),
        (65_535, "cdffff"),
        (65_536, "ce00010000"),
        (2**32 - 1, "ceffffffff"),
        (2**32, "cf0000000100000000"),
        (2**64 - 1, "cfffffffffffffffff"),
        (-1, "ff"),
        (-32, "e0"),
        (-33, "d0df"),
        (-128, "d080"),
        (-129, "d1ff7f"),
        (-32_768, "d18000"),
        (-32_769, "d2ffff7fff"),
        (-(2**31), "d280000000"),
        (-(2**31) - 1, "d3ffffffff7fffffff"),
        (-(2**63), "d38000000000000000"),
        (b"", "c400"),
        (b"a", "c40161"),
        ("", "a0"),
        ("é", "a2c3a9"),
        ("a" * 31, "bf" + "61" * 31),
        ("a" * 32, "d920" + "61" * 32),
        ([], "90"),
        ([1, [b"x", None]], "92" + "01" + "92" + "c40178" + "c0"),
        ([0] * 15, "9f" + "00" * 15),
        ([0] * 16, "dc0010" + "00" * 16),
    ],
)
def test_each_form_is_the_shortest_and_decodes(value, hexed):
    assert encode(value).hex() == hexed
    assert decode_untrusted(bytes.fromhex(hexed), 1_000) == value


@pytest.mark.parametrize("value", [b"a" * 256, b"a" * 65_536, "a" * 256, "a" * 65_536, [0] * MAX_ITEMS])
def test_long_forms_decode(value):
    assert decode_untrusted(encode(value), 1_000_000) == value


def test_a_tuple_is_encoded_as_an_array():
    assert encode((1, (2,))) == encode([1, [2]])


def test_a_memoryview_decodes():
    assert decode_untrusted(memoryview(b"\x92\x01\x02"), 3) == [1, 2]


@pytest.mark.parametrize(
    ("hexed", "why"),
    [
        ("", "cut short"),
        ("92", "cut short"),
        ("9201", "cut short"),
        ("c402", "cut short"),
        ("c40261", "cut short"),
        ("c4", "cut short"),
        ("cd01", "cut short"),
        ("d1ff", "cut short"),
        ("a261", "cut short"),
        ("dc00", "cut short"),
        ("c6ffffffff", "cut short"),
        ("dd00010000", "cut short"),
        ("0000", "trailing bytes"),
        ("cc7f", "not the shortest form"),
        ("cd00ff", "not the shortest form"),
        ("ce0000ffff", "not the shortest form"),
        ("cf00000000ffffffff", "not the shortest form"),
        ("d000", "not the shortest form"),
        ("d0e0", "not the shortest form"),
        ("d1ff80", "not the shortest form"),
        ("d2ffff8000", "not the shortest form"),
        ("d3ffffffff80000000", "not the shortest form"),
        ("d301ffffffffffffff", "not the shortest form"),
        ("c5000161", "not the shortest form"),
        ("c60000000161", "not the shortest form"),
        ("d90161", "not the shortest form"),
        ("da000161", "not the shortest form"),
        ("dc000100", "not the shortest form"),
        ("dd0000000100", "not the shortest form"),
        ("a1ff", "text that is not UTF-8"),
        ("a3eda080", "text that is not UTF-8"),
        ("80", "map, float or extension"),
        ("810102", "map, float or extension"),
        ("de0000", "map, float or extension"),
        ("df00000000", "map, float or extension"),
        ("ca00000000", "map, float or extension"),
        ("cb0000000000000000", "map, float or extension"),
        ("c1", "map, float or extension"),
        ("c70000", "map, float or extension"),
        ("d40000", "map, float or extension"),
        ("d6ff00000000", "map, float or extension"),
        ("ddffffffff", "too many items"),
    ],
)
def test_what_no_encoder_makes_is_refused(hexed, why):
    with pytest.raises(MalformedError) as caught:
        decode_untrusted(bytes.fromhex(hexed), 1_000)
    assert caught.value.what == why


def test_input_beyond_the_limit_is_refused_before_it_is_decoded():
    with pytest.raises(MalformedError, match="size"):
        decode_untrusted(b"\xc1" * 101, 100)
    assert decode_untrusted(encode(b"a" * 98), 100) == b"a" * 98


def test_nesting_ends_at_the_limit():
    deepest = b"\x91" * MAX_DEPTH + b"\x00"
    value = decode_untrusted(deepest, 100)
    for _ in range(MAX_DEPTH):
        [value] = value
    assert value == 0
    with pytest.raises(MalformedError, match="nested"):
        decode_untrusted(b"\x91" + deepest, 100)


def test_items_are_counted_over_all_arrays_together():
    inner = b"\xdc\x3f\xff" + b"\x90" * 0x3FFF  # 16,383 empty arrays
    assert len(decode_untrusted(b"\x94" + inner * 4, MAX_ITEMS + 13)) == 4  # 4 + 4 × 16,383 = the limit
    with pytest.raises(MalformedError, match="too many items"):
        decode_untrusted(b"\x95" + inner * 4 + b"\x90", MAX_ITEMS + 14)
    assert len(decode_untrusted(b"\x95" + inner * 4 + b"\x90", MAX_ITEMS + 14, MAX_ITEMS + 1)) == 5


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", object()])
def test_what_has_no_encoding_is_our_own_mistake(value):
    with pytest.raises(LocalError):
        encode(value)


@pytest.mark.parametrize(
    ("expect", "good", "bad"),
    [
        (expect_int, [0, 2**63 - 1], [-1, 2**63, True, None, b"", "1"]),
        (lambda value: expect_int(value, 1, 3), [1, 3], [0, 4]),
        (expect_bool, [True, False], [0, 1, None]),
        (expect_bytes, [b"", b"abc"], ["", None, 1, [1]]),
        (lambda value: expect_bytes(value, 1, 2), [b"a", b"ab"], [b"", b"abc"]),
        (lambda value: expect_exactly(value, 2), [b"ab"], [b"a", b"abc", "ab"]),
        (expect_text, ["", "é"], [b"", None, 1]),
        (lambda value: expect_text(value, 2), ["éé"], ["ééé"]),
        (expect_array, [[], [1], (1,)], [None, b"", "a", 1]),
        (lambda value: expect_array(value, 1, 2), [[1], [1, 2]], [[], [1, 2, 3]]),
        (lambda value: expect_fields(value, 2), [[1, 2]], [[1], [1, 2, 3], "ab"]),
    ],
)
def test_expectations_take_what_fits_and_refuse_the_rest(expect, good, bad):
    for value in good:
        assert expect(value) == value
    for value in bad:
        with pytest.raises(MalformedError):
            expect(value)
