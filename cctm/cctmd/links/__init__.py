"""Links: what this daemon dials, and how what it shares gets there (SPEC.md §15, §16).

    connection.py  one open connection to a relay: handshake, messages, errors in words
    retrying.py    when to dial again
    outgoing.py    what of one channel's logs may leave, in order      stored.py  read again from the archive
    uplink.py      one shared channel's connection, as its owner
    own_relay.py   a relay of this home's own, where no other was chosen

    Recorder ─sealed─► Outgoing ─► Uplink ─► relay ─► readers
    relay ─► live messages ─► Uplink ─► whoever hosts

Invariants: nothing in here is waited for by a terminal. What waits to be sent is bounded for each channel, however
long its relay is away; the rest is in the archive.
"""
