"""What a terminal's bytes mean to a screen: bytes in, bytes out, no I/O.

picture.py      what a screen shows, as values that are cheap to compare
fold.py         Fold: what a terminal's output comes to: feed, resize, picture(), modes, title, pending
  sequences.py  clean text, and what of it is unfinished     title.py   the title and its stack
  emulator.py   what is asked of the library that keeps the cells
  avt_emulator.py, avt_screen.py   that library
dump.py         dump(fold): bytes from which a terminal, or Fold.from_dump, goes on with raw output
                dump_shown(fold): the same without what the alternate screen hides
painter.py      Painter(cols, rows): paint(picture, overlays), resize, forget, leave: bytes for one client
  frame.py      a picture in a window of another size
modes.py        which modes a program switched on, and how to undo them
queries.py      questions that a terminal would answer: how to cut them out (without_queries), QueryScanner
answers.py      answer(query, fold, version): bytes or who is asked; AnswerScanner for that client's keys
text.py         the text of a stream, as lines

How the daemon uses it:

    for piece in scanner.feed(output):              Query → answer(piece, fold, version) → the PTY, or one client
        fold.feed(piece); RAW clients get piece      scanner.holds → scanner.flush() after some milliseconds
    a client turns RAW:      painter.leave(), then home, clear, dump(fold), then pieces
    a client turns PAINTED:  Modes.undo() of what it saw, then painter.paint(fold.picture()) at most 60 times a second
    a keyframe:              dump(fold), or dump_shown(fold) for guests
"""
