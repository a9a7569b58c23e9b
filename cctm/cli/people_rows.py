"""What the daemon says of the people in a terminal (SPEC.md §8), as people and scripts read it."""

from collections.abc import Sequence
from typing import Final

from cctm.cli import words
from cctm.cli.errors import UserError
from cctm.protocol.control.replies import PersonRow, Presence

HEADS: Final = ("WHO", "ID", "ROLE", "HERE", "TYPED", "ROUND TRIP")
TYPES_NOW_S: Final = 2


def cells(person: PersonRow, presence: Presence, now_s: float) -> tuple[str, ...]:
    """A line of a table, in the order of HEADS."""
    return (
        name(person, presence),
        words.short_id(person.who) if person.who else "-",
        words.role(person.role) + (", has the keyboard" if person.who == presence.holder else ""),
        words.age(now_s - person.since_us / 1e6) if person.since_us else "-",
        _typed(person.idle_us),
        _round_trip(person.round_trip_us),
    )


def name(person: PersonRow, presence: Presence) -> str:
    """What they call themselves, and whether they are you."""
    if person.who != presence.you:
        return label(person)
    return f"{label(person)} (you)" if person.label not in {"", "you"} else "you"


def label(person: PersonRow) -> str:
    """What they call themselves."""
    return words.printable(person.label) or ("-" if person.who else "host")


def _typed(idle_us: int | None) -> str:
    if idle_us is None:
        return "-"
    return "now" if idle_us < TYPES_NOW_S * 1_000_000 else f"{words.age(idle_us / 1e6)} ago"


def _round_trip(us: int | None) -> str:
    if us is None:
        return "-"
    return f"{us / 1000:.1f} ms" if us < 9_950 else f"{us / 1000:.0f} ms"


def as_json(person: PersonRow, presence: Presence) -> dict[str, object]:
    """The documented shape of somebody in JSON: docs/json.md."""
    return {
        "who": person.who.hex() or None,
        "label": person.label,
        "role": words.role(person.role),
        "link": person.link.hex() or None,
        "since": person.since_us / 1e6 if person.since_us else None,
        "idle": None if person.idle_us is None else person.idle_us / 1e6,
        "round_trip": None if person.round_trip_us is None else person.round_trip_us / 1e6,
        "you": person.who == presence.you,
        "keyboard": person.who == presence.holder,
    }


def chosen(people: Sequence[PersonRow], given: str) -> bytes:
    """The key of the guest that *given* means: a label, or the beginning of an id; of who is not here, all of it.

    Raises:
        UserError: none, or several.
    """
    guests = [person for person in people if person.who]
    found = [person.who for person in guests if person.label == given]
    found = found or [person.who for person in guests if words.is_beginning(given, person.who)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(map(words.short_id, found))
        raise UserError(f"{given!r} means several: {ids}.", "Say an id instead.")
    if len(given) == words.KEY_DIGITS and words.is_id(given):
        return bytes.fromhex(given)
    raise UserError(f"No guest {given!r} is here.", "See `cctm who`.")
