"""What a terminal's bytes mean to a screen: bytes in, bytes out, no I/O (SPEC.md §13).

fold.py         Fold(cols, rows): feed, resize, picture(), modes, title, pending: what output comes to
  sequences.py    clean text, and what of it is unfinished        title.py   the title and its stack
  steps.py        what output costs, and that it comes in short steps
  marks.py        combining characters, kept in cells             mark_table.py   which those are
  emulator.py     what is asked of a library that keeps cells     emulators.py   which one is used
  avt_emulator.py, avt_screen.py      asciinema's                 widths.py   how wide it takes a character
  pyte_emulator.py, pyte_screen.py    in plain Python, where the other has no wheel
picture.py      what a screen shows, as values that are cheap to compare: Picture, Row, Run
dump.py         dump(fold): bytes from which a terminal, or Fold.from_dump, goes on with raw output
                dump_shown(fold): without what the alternate screen hides; redraw(fold): over whatever is shown
  placing.py      the cursor, also where only printing brings it
painter.py      Painter(cols, rows): paint(picture, overlays), resize, forget, leave: bytes for one client
  painting.py     one row turned into another
  frame.py        a picture in a window of another size; Overlay, row_of
modes.py        which modes a program switched on, and how to undo them
queries.py      questions that a terminal would answer: QueryScanner, without_queries
answers.py      answer(query, fold, version): the bytes, or Who is asked
client_answers.py   AnswerScanner: a client's answers, told from its keys
text.py         the text of a stream, as lines

How a daemon uses it:

    for piece in scanner.feed(output):
        Query → answer(piece, fold, version) → the PTY; or Who
        bytes → fold.feed(piece), and RAW clients get them
    scanner.holds → scanner.flush() after some milliseconds, its pieces in the same way
    a client becomes PAINTED:  Modes.undo() of what it saw, then painter.paint(fold.picture()), not too often
    a client becomes RAW:      painter.leave() + redraw(fold), then what is printed from then on
    a keyframe:                dump(fold), or dump_shown(fold) for whoever may see only what is shown
"""
