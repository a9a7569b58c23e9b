"""cctm, the command.

    entry.py      where the command begins
    streams.py    stdin, stdout and stderr, whatever the caller made of them
    main.py       the command group; loads a command's module when it is called
    commands/     one file per command
    errors.py     an error in words: what happened, what to do
    client.py     a connection to the daemon: requests and replies
    start.py      starts keeper and daemon on demand
    keeper.py     the keeper, where no daemon is there to ask
    sentences.py  events and findings of a record
    each.py       one request for each of several terminals
    table.py      columns
    opening.py    what a new terminal gets of this process
    terminal.py   the user's own terminal: raw mode, size
    link_rows.py  people_rows.py  client_rows.py    what the daemon lists      qr.py   QR codes
    words.py      ages, sizes, statuses as people read them
    columns.py    how wide text is; text made safe to show

attached:

    session.py    the loop: keyboard to daemon, output to screen, what the client shows itself, lost connections
    attachment.py what is shown and who draws it; requests meanwhile     link.py   its connection
    display.py    what was written to the user's terminal, and how to undo it
    keys.py       the prefix key         questions.py   what programs ask the user's own terminal
    doing.py      what keys after the prefix, and pages, come to         together.py   those of shared terminals
    pages/        what the client itself shows: help, lists, prompts, the record
    record.py     the record as lines, from any place in it

`ls` and `attach` must start fast: neither trio nor nacl is imported on their way (a test holds that).
"""
