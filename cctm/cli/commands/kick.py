"""`cctm kick`."""

import os
from collections.abc import Sequence

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.errors import UserError
from cctm.cli.link_rows import say_owed
from cctm.cli.parameters import NAME, TERMINAL
from cctm.cli.people_rows import MOST_NAMED, chosen, id_among, label
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import PersonRow


@click.command(epilog="Example: cctm kick build ana")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.argument("who", metavar="WHO", type=NAME)
@click.option("--revoke", is_flag=True, help="Remove all others who came by the same link, too.")
def command(target: str, who: str, revoke: bool) -> None:  # noqa: FBT001
    """Remove a guest from TERMINAL, be they here or away.

    WHO is what they call themselves, or the beginning of an id in `cctm who`. The link by which they came lets nobody
    in any more. Others who came by it stay, but for those of the same name: one person can be enrolled several times,
    under any name. Whoever else came by it is named; --revoke removes them all.
    """
    with connect(Home.locate(os.environ)) as client:
        presence = client.ask(requests.AskPeople(target), replies.Presence)
        if presence.you:
            raise UserError("Only the host removes guests, and you are one.", "`cctm rm` leaves for good.")
        meant = chosen(presence.rows, who)
        link = meant[0].link
        if revoke:
            client.ask(requests.Unshare(target, link), replies.Done)
        else:
            by_name = who if meant[0].label == who else ""
            client.ask(requests.Kick(target, meant[0].who, by_name), replies.Done)
        people = [
            person for person in client.ask(requests.AskPeople(target), replies.Presence).rows if person.who
        ]
        owed = say_owed(client, target)
    left = [person for person in people if person.link == link]
    gone = sum(person.link == link for person in presence.rows if person.who) - len(left)
    keys = f" ({words.count(gone, 'key')})" if gone > 1 else ""
    removed = "all who came by the same link" if revoke else words.printable(who)
    click.echo(
        f"Removed {removed}{keys}, and revoked their link.{_stay(left, people, target)} {words.SEEN}{owed}",
        err=True,
    )


def _stay(left: Sequence[PersonRow], people: Sequence[PersonRow], target: str) -> str:
    """Who else came by the link: nobody but the host's user knows whether that is another person."""
    if not left:
        return ""
    named = ", ".join(f"{label(person)} ({id_among(person, people)})" for person in left[:MOST_NAMED])
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    end = f"`cctm unshare {words.printable(target)} {words.short_id(left[0].link)}` removes them, too."
    return f" By it came also {named}{more}: {end}"
