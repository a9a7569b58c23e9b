"""Sync: how logs travel between peers (SPEC.md §15).

    messages   what peers say to each other
    records    entries cut into messages, and put together again
    serving    one connection of the side that is dialled
    dialling   one connection of the side that dials

One connection is about one channel. Whoever serves needs no key of it.
"""
