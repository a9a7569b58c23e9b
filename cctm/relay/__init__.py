"""The relay: a peer without keys (SPEC.md §15).

    main.py      options, start, signals, end
    server.py    the WebSocket server: who may connect, health and metrics
    websocket.py one WebSocket of the library
    session.py   one connection: a task that receives, a task that sends
    framing.py   the frame of a message that goes to many
    outbox.py    what waits to be sent to it
    rooms.py     all channels in use
    room.py      one of them: who is connected, and what goes from whom to whom
    refusals.py  why a connection ends
    tail.py      the newest records of one log in memory, and what is known of it
    cursors.py   how far one reader is in one log
    store.py     what is kept: the interface, and the thread that writes
    database.py  the same as SQLite statements
    housekeeping.py  what time does: access expires, unused channels go
    invite.py    who may make channels
    addresses.py who is at the other end, and under which names this relay is known
    limits.py    token buckets
    options.py   what an operator may choose
    memory.py    how much is held for others, together
    metrics.py   counters, as Prometheus reads them
    journal.py   what is logged: one JSON object a line

The way of a record:  session ─► rooms: verified ─┬─► tail ─► cursors ─► the readers' sessions
                                                  └─► store: committed ─► Stored, to the session that sent it

Invariants: nothing here can decrypt (a contract of import-linter holds that). What is stored was verified first. A
receipt is sent for what is on the disk. Nobody slow holds anybody up: a reader is pulled from as its socket drains.
"""
