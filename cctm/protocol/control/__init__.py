"""Control: what daemon and clients say to each other on one machine (SPEC.md §8).

    client  : Hello, then either requests, each answered by one reply, or Attach and a session
    session : Input Resize Answer Floor Detach →      ← Output Painted History Resized Notice Query … Ended Released

    requests.py   client → daemon      replies.py   daemon → client
    values.py     their enumerations   frames.py    the table of types, encoding, decoding

Messages are NamedTuples, not dataclasses: `cctm ls` imports them all, and they are made five times faster.
Mind that tuples compare by their fields alone; tell messages apart with isinstance or match.

The socket has checked the peer's uid; beyond that nothing is trusted: the daemon decides what a client may
do.
"""
