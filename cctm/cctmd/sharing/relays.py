"""Where a shared terminal is met: at the relay that was chosen, or at one of this home's own.

    Members.relay     its host dials               its guests dial
    empty             the own relay, on loopback   the own relay, by an address of this machine
    an origin         that one, with an invite     that one
                      if it is the one chosen

What was chosen is read whenever somebody dials: the daemon is not told when it changes.
"""

from typing import Final

from cctm.cctmd.links.own_relay import OwnRelay
from cctm.cctmd.services import RefusedError
from cctm.home import Home, HomeError
from cctm.protocol.control.values import Reason
from cctm.protocol.members import Members
from cctm.protocol.origin import Origin, decode_origin_untrusted
from cctm.relay_choice import RelayChoice, load_choice

BY_ITSELF: Final = ""  # the relay of this home's own, in Members.relay


class Relays:
    """Those of one home."""

    def __init__(self, home: Home) -> None:
        self.own = OwnRelay(home)
        self._home = home

    def for_the_next(self) -> str:
        """Which relay a terminal gets that is shared now, as Members call it.

        Raises:
            RefusedError: what was chosen cannot be read.
        """
        choice = self._choice()
        return BY_ITSELF if choice is None else str(choice.origin)

    async def to_host(self, relay: str) -> RelayChoice:
        """Where a host dials *relay*, and with what invite; may raise LinkError, RefusedError."""
        if relay == BY_ITSELF:
            return RelayChoice(await self.own.reach())
        choice = self._choice()
        invite = choice.invite if choice is not None and str(choice.origin) == relay else None
        return RelayChoice(decode_origin_untrusted(relay), invite)

    async def reach(self, relay: str) -> Origin:
        """Where this daemon dials *relay*; may raise LinkError."""
        return await self.own.reach() if relay == BY_ITSELF else decode_origin_untrusted(relay)

    async def for_guests(self, members: Members) -> Origin:
        """Where those who have a link dial; may raise LinkError, MalformedError."""
        if members.relay == BY_ITSELF:
            return await self.own.address()
        return decode_origin_untrusted(members.relay)

    def _choice(self) -> RelayChoice | None:
        try:
            return load_choice(self._home)
        except HomeError as error:
            raise RefusedError(Reason.FAILED, error.what, error.advice) from error
