"""What a terminal's bytes mean to a screen: bytes in, bytes out, no I/O.

modes.py     which modes a program switched on, and how to undo them
queries.py   questions that a terminal would answer, and how to cut them out
text.py      the text of a stream, as lines
"""
