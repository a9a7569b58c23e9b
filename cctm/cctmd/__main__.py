"""`python -m cctm.cctmd`: the keeper starts it."""

import sys

from cctm.cctmd.main import main

if __name__ == "__main__":
    sys.exit(main())
