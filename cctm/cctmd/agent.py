"""The SSH agent of whoever opened a terminal or attached last: programs find it through a link of the home."""

import contextlib
import os

from cctm.home import Home


def point_to_agent(home: Home, agent: bytes | None) -> None:
    """Have the link lead to the socket *agent*, if that is one of the user's own and not the link itself."""
    link = os.fsencode(home.agent_link)
    if agent and agent.startswith(b"/") and b"\0" not in agent and agent != link:
        draft = link + b".new"
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)
            os.symlink(agent, draft)
            os.replace(draft, link)


def forget_agent(home: Home) -> None:
    """Remove the link: no program is left that could follow it."""
    with contextlib.suppress(OSError):
        os.unlink(home.agent_link)
    if home.sockets != home.state:
        # While the keeper has its socket there, the directory stays: the keeper does this after us.
        with contextlib.suppress(OSError):
            os.rmdir(home.sockets)
