"""Sharing: terminals of this home that others watch and drive (SPEC.md §16).

    Sharing    which terminals are shared; what commands ask for; the clock's second hand
    Shared     one of them: its members, its uplink to a relay, its gate for what guests say
    own_logs   which of its logs the relay gets; last_seen: when its guests were last here
    enlisting  who comes by a link is let in
    relays     where a shared terminal is met
    ended      links to terminals that have ended
    debts      what relays have not heard yet, of whom to let in no more

A guest's side is `joining`.
"""
