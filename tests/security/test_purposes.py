"""Every person and every purpose is one of its own, and nothing made for one serves another."""

import ast
import inspect
import itertools
import pkgutil
from importlib import import_module

import pytest

import cctm.protocol
from cctm.protocol.errors import OpenError
from cctm.protocol.keys import hash32, log_id
from cctm.protocol.seal import WRAP_ABOUT, WRAP_EPOCH, WRAP_WRITER, unwrap, wrap
from samples import CHANNEL, DEVICE, EPOCH, HOST, INCARNATION, NEXT_EPOCH, nonce

# SPEC.md §2, §4 and §14–16. A new one is added here, to the specification and to the vectors.
PERSONS = {
    "cctm dev sign",
    "cctm dev box",
    "cctm dev wrap",
    "cctm channel",
    "cctm log",
    "cctm key id",
    "cctm entry key",
    "cctm grant key",
    "cctm digest",
    "cctm hash",
    "cctm grant seed",
    "cctm link",
    "cctm link check",
    "cctm invite",
    "cctm live key",
}
WRAPS = (WRAP_WRITER, WRAP_EPOCH, WRAP_ABOUT)
PURPOSES = {
    "cctm entry",
    "cctm sign entry",
    "cctm grant box",
    "cctm grant",
    "cctm wrap writer",
    "cctm wrap epoch",
    "cctm wrap about",
    "cctm access",
    "cctm relay proof",
    "cctm live",
    "cctm pulse",
    "cctm word",
    "cctm enrol",
}

LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)


def literals(kind):
    """Every literal of *kind* that starts with "cctm " in the package's code."""
    modules = pkgutil.walk_packages(cctm.protocol.__path__, "cctm.protocol.")
    trees = [ast.parse(inspect.getsource(import_module(module.name))) for module in modules]
    nodes = itertools.chain.from_iterable(ast.walk(tree) for tree in trees)
    return [node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is kind]


def test_every_person_in_the_code_is_known_and_used_in_one_place():
    persons = [value.decode() for value in literals(bytes) if value.startswith(b"cctm ")]
    assert set(persons) == PERSONS
    assert len(persons) == len(PERSONS)


def test_every_purpose_in_the_code_is_known_and_used_in_one_place():
    purposes = [value for value in literals(str) if value.startswith("cctm ")]
    assert set(purposes) == PURPOSES
    assert len(purposes) == len(PURPOSES)


def test_a_person_fits_where_blake2b_has_room():
    assert all(len(person) <= 16 for person in PERSONS)


def test_the_same_bytes_hash_differently_for_every_person():
    assert len({hash32(person.encode(), b"data", b"key") for person in PERSONS}) == len(PERSONS)


@pytest.mark.parametrize(("made_for", "used_for"), list(itertools.permutations(WRAPS, 2)))
def test_what_is_wrapped_for_one_purpose_does_not_unwrap_for_another(made_for, used_for):
    wrapped = wrap(DEVICE.wrap_key, made_for, (CHANNEL,), b"secret", nonce(1))
    with pytest.raises(OpenError):
        unwrap(DEVICE.wrap_key, used_for, (CHANNEL,), wrapped)


def test_an_epoch_wrapped_as_one_number_does_not_unwrap_as_another():
    wrapped = wrap(DEVICE.wrap_key, "cctm wrap epoch", (CHANNEL, EPOCH.number), EPOCH.secret, nonce(1))
    with pytest.raises(OpenError):
        unwrap(DEVICE.wrap_key, "cctm wrap epoch", (CHANNEL, NEXT_EPOCH.number), wrapped)
