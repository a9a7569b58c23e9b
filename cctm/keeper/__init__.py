"""The keeper: the small process that owns the shells, so that the daemon may die (SPEC.md §7).

It forks the programs, reaps them, reads their PTY masters and hands the bytes to the daemon over a Unix
socket. What it read it keeps until the daemon acknowledges that it is stored. It starts the daemon again when
that ends, and it replaces its own code in place.

    wire.py         the messages, their frames, and a reader for them (the daemon imports it too)
    fields.py       what stands in a message: types, and how they are written and read
    terminal.py     one held terminal: states, offsets, held bytes; how much all may hold     pure
    supervision.py  when to start the daemon                                                  pure
    spawn.py        fork and exec; a new PTY
    descriptors.py  closing what a child must not have
    connection.py   one connection: frames in, frames and output out, never waiting
    peers.py        all connections: which is the daemon's, and what it is sent in turns
    holder.py       all terminals and their PTYs: open, start, read, pause, reap
    listener.py     the listening socket and its name
    entrance.py     the same in the loop: letting in who comes, keeping the name
    log.py          what it tells, within bounds
    beside.py       programs without a terminal: the daemon, the new code of an upgrade
    keeper.py       the loop: what each message, signal and lost connection does
    state.py        what is handed to the next code, and how that is read
    inquiry.py      whether the next code reads that
    upgrade.py      the execv
    main.py         arguments, lock, socket

**Invariants**

- No byte read from a terminal is dropped before it is acknowledged, and none is sent out of order.
- Nothing waits but the selector: no message, program, daemon or full disk holds the terminals up.
- A connection that breaks the protocol loses that connection; no connection can lose a running terminal.
- The standard library only: what is not imported cannot break, and costs no memory for months.
"""
