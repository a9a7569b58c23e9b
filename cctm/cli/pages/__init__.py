"""Pages: what the client itself shows over a terminal, and what they come to.

    page.py        Page: draw(cols, rows) -> bytes, take(key) -> Effect | None, and for long work is_busy, work()
    effects.py     what a page comes to: Closed, Switch, Rename, …; the session does it
    keystrokes.py  bytes to names of keys
    canvas.py      rows of text to bytes
    help.py  terminals.py  prompt.py  record.py                the pages
    here.py  links.py  keyboard.py                             those of shared terminals; together.py: their effects
    scroll.py      rows of a record, from anywhere in it, in either direction

Pages do no I/O: the one that shows a record is given its lines. They draw nothing but printable text (cli/columns.py).
"""
