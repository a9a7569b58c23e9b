"""`python -m cctm.cli` is `cctm`."""

from cctm.cli.main import main

main()
