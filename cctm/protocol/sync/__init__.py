"""Sync: how logs travel between peers (SPEC.md §15).

    messages   what peers say to each other
    serving    one connection of the side that is dialled
    dialling   one connection of the side that dials

One connection is about one channel. Whoever serves needs no key of it.
"""
