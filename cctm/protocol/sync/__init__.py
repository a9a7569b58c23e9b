"""Sync: how logs travel between peers (SPEC.md §15).

    messages   what peers say to each other
    records    entries cut into messages, and put together again
    serving    one connection of the side that is dialled
    dialling   one connection of the side that dials
    followed   what a follower tells its caller
    chain      one log, as far as a reader has verified it
    following  … what is asked of it, and what is to be read
    keyring    what a reader can open
    continuity what of it can be shown
    reading    what entries say
    follower   a channel, as somebody follows it
    uploading  what a relay has, and lacks, of our own logs

One connection is about one channel. Whoever serves needs no key of it.
"""
