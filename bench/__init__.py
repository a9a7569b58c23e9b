"""Side by side: the same work through CCTM and through its peers, in one run.

    machine.py      what this machine is: printed at the head
    outer.py        the terminal emulator's side of a PTY, owned by the bench
    contenders/     how each peer is started, listed, weighed and ended
    relays/         the same for servers between one writer and many readers
    measures/       one file per measure: what is done, what is timed, which budget it answers to
    rounds.py       A B C A B C …: interleaving, and ratios within a round
    results.py      figures, budgets and their verdicts
    table.py        results as text

Nothing here asserts a time: a machine that is busy gives other figures, not a failure. Standard library only,
but for what speaks the product's own protocols.
"""
