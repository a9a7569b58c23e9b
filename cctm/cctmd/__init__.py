"""cctmd, the daemon: records every terminal and serves the clients of this machine.

    main.py         start: lock, keys, storage; one nursery per concern; stop and restart
    daemon.py       the composition: what belongs to one running daemon
    keeper_link.py  the connection to the keeper: frames and descriptors in, effects out; starts another if it dies
    services.py     what all parts share; how they say no
    terminals.py    the registry: open, resume after a start, find, end, remove
    stage.py        what the viewers of a terminal see, wherever its output comes from
    terminal.py     one terminal: output to recorder and clients, input to the PTY, size, end
    pty_input.py    what is typed and answered, as the PTY takes it     pty_state.py  what the kernel knows of it
    durability.py   what is stored, and what follows from it
    recorder.py     one terminal's log: batches events, seals them, hands them to storage    sealing.py  when
    shown.py        what one terminal shows, level with its output      building.py  found again in the record
    backlog.py      what is printed while that is done
    questions.py    what a program asks its terminal: answered once, in order
    sizing.py       whose window decides how large a terminal is
    resizing.py     a window that is dragged: one size each frame
    recent.py       the latest output in memory, which raw clients are fed from
    feed.py         one client's cursor on it
    viewers.py      the clients of one terminal: a bug that one meets is that one's
    view.py         how one client sees one terminal: raw or painted    frames.py  when painted ones are painted
    history.py      what a client is shown of the past when it attaches
    session.py      one client's connection: requests, and its view
    control.py      the control socket                                  requests.py  what each request does
    child.py        environment and command of a new terminal
    agent.py        the link to the user's SSH agent
    room.py         watches the free space
    sockets.py      non-blocking Unix sockets under trio
    links/          relays: dialled, dialled again, fed; one of this home's own

The way of a byte:  keeper ─► keeper_link ─► terminal ─┬─► views (raw clients at once, painted ones from the fold)
                                                       └─► recorder ─► storage thread ─► acknowledged to the keeper

Invariants: one daemon per home (a lock). A terminal, client or file that fails takes nothing else down.
Nothing on the way of a byte waits for a disk or a client.
"""
