"""`python -m cctm.relay serve OPTIONS`, `python -m cctm.relay invite STORE USES DAYS`: `cctm relay` starts it."""

import sys

from cctm.relay import invite
from cctm.relay.main import main
from cctm.relay.options import Options

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", options]:
            sys.exit(main(Options.from_json(options)))
        case ["invite", store, uses, days]:
            sys.exit(invite.main(store, int(uses), int(days) or None))
        case _:
            sys.exit(2)
