"""cctm.protocol.errors: one tree."""

import pytest

from cctm.protocol.errors import (
    CctmError,
    ChainError,
    Flaw,
    LocalError,
    MalformedError,
    OpenError,
    RemoteError,
)


@pytest.mark.parametrize("error", [MalformedError("x"), OpenError(), ChainError(3, Flaw.PREV)])
def test_what_the_other_side_did_is_a_remote_error(error):
    assert isinstance(error, RemoteError)
    assert isinstance(error, CctmError)
    assert not isinstance(error, LocalError)


def test_errors_carry_data():
    assert ChainError(3, Flaw.PREV).seq == 3
    assert ChainError(3, Flaw.PREV).flaw is Flaw.PREV
    assert MalformedError("order").what == "order"
    assert LocalError("plain size").what == "plain size"
    assert str(MalformedError("order")) == "order"
