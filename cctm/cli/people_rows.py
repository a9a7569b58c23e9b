"""What the daemon says of the people in a terminal (SPEC.md §8), as people and scripts read it."""

from collections.abc import Sequence
from typing import Final

from cctm.cli import words
from cctm.cli.errors import UserError
from cctm.protocol.control.replies import PersonRow, Presence

HEADS: Final = ("WHO", "ID", "ROLE", "HERE", "TYPED", "ROUND TRIP")
TYPES_NOW_S: Final = 2
MOST_NAMED: Final = 8


def cells(person: PersonRow, presence: Presence, now_s: float) -> tuple[str, ...]:
    """A line of a table, in the order of HEADS."""
    return (
        name(person, presence),
        words.short_id(person.who) if person.who else "-",
        words.role(person.role) + (", has the keyboard" if person.who == presence.holder else ""),
        _here(person, now_s),
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


def _here(person: PersonRow, now_s: float) -> str:
    if person.seen_us is None:
        return words.age(now_s - person.since_us / 1e6) if person.since_us else "-"
    return f"away for {words.age(now_s - person.seen_us / 1e6)}" if person.seen_us else "away"


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
        "here": person.seen_us is None,
        "seen": person.seen_us / 1e6 if person.seen_us else None,
        "you": person.who == presence.you,
        "keyboard": person.who == presence.holder,
    }


def chosen(people: Sequence[PersonRow], given: str) -> tuple[PersonRow, ...]:
    """The guest that *given* means: a label, or the beginning of an id. Who has several keys is several rows.

    Several keys are one guest's if they came by one link, and have one label. A whole id is nobody else's label.

    Raises:
        UserError: none, or several. What one calls oneself may look like another's id: that is not for us to settle.
    """
    guests = [person for person in people if person.who]
    for person in guests:
        if given.lower() == person.who.hex():
            return (person,)
    called = [person for person in guests if person.label == given]
    begun = [person for person in guests if words.is_beginning(given, person.who)]
    found = [*called, *(person for person in begun if person not in called)]
    if not found:
        raise UserError(f"There is no guest {given!r}.", "See `cctm who`.")
    if len(found) == 1 or (len(called) == len(found) and len({person.link for person in found}) == 1):
        return tuple(found)
    listed = ", ".join(f"{id_among(person, guests)} ({label(person)})" for person in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    raise UserError(f"{given!r} may mean several: {listed}{more}.", "Say one of these ids.")


def id_among(person: PersonRow, people: Sequence[PersonRow]) -> str:
    """The beginning of an id that means nobody else, by id or label."""
    others = [other for other in people if other.who != person.who]
    whole = person.who.hex()
    for digits in range(words.SHOWN_ID_DIGITS, len(whole)):
        if not any(
            words.is_beginning(whole[:digits], other.who) or other.label == whole[:digits] for other in others
        ):
            return whole[:digits]
    return whole
