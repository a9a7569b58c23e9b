"""cctm, the command.

    entry.py      where the command begins
    streams.py    stdin, stdout and stderr, whatever the caller made of them
    main.py       the command group; loads a command's module when it is called
    commands/     one file per command
    group.py      groups of commands
    parameters.py what several commands take on their command line
    errors.py     an error in words: what happened, what to do
    client.py     a connection to the daemon: requests and replies
    start.py      starts keeper and daemon on demand
    keeper.py     the keeper, where no daemon is there to ask
    terminal.py   the user's own terminal: raw mode, size, what to undo on leaving
    session.py    the attached session: keyboard to daemon, output to screen
    keys.py       the prefix key
    sentences.py  events and findings of a record
    each.py       one request for each of several terminals
    table.py      columns
    words.py      ages, sizes, statuses as people read them

`ls` and `attach` must start fast: neither trio nor nacl is imported on their way (a test holds that).
"""
