"""`python -m cctm.cli` is `cctm`."""

from cctm.cli.entry import main

main()
