"""`python -P -m cctm.keeper`; see `main`."""

import sys

from cctm.keeper.main import main

sys.exit(main())
