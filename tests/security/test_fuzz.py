"""The decoders hold out against a short run of `make fuzz`; and the engine finds what it is there to find."""

import pytest

from cctm.protocol.errors import MalformedError
from tests.fuzz import all_targets
from tests.fuzzing import Target, run

pytestmark = pytest.mark.untraced

TARGETS = all_targets()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_only_its_own_errors_escape_a_decoder(target):
    result = run(target, "test", 1_500)
    assert result.findings == ()
    assert result.inputs == 1_500
    assert result.accepted >= len(target.valid)


def sloppy(data):
    if data[:1] == b"\x91":
        raise IndexError(len(data))
    return data


def test_an_error_that_is_not_the_decoders_own_is_found():
    result = run(Target("sloppy", sloppy, [b"\x92\x01\x02"], (MalformedError,)), "test", 10_000)
    [finding] = result.findings
    assert "IndexError" in finding.what
    with pytest.raises(IndexError):
        sloppy(finding.data)


def test_a_second_encoding_is_found():
    target = Target(
        "lenient", lambda data: data[:2], [b"\x92\x01\x02"], (MalformedError,), lambda value: value
    )
    [finding] = run(target, "test", 1_000).findings
    assert finding.what == "not the one encoding"


def test_the_same_seed_makes_the_same_inputs():
    seen = {1: [], 2: []}
    for number, found in seen.items():
        run(Target("any", found.append, [b"\x92\x01\x02"], ()), "seed", 200)
        assert len(found) == 200, number
    assert seen[1] == seen[2]
