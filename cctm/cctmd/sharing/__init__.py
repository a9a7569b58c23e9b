"""Sharing: terminals of this home that others watch and drive (SPEC.md §16).

    Sharing    which terminals are shared; what commands ask for; the clock's second hand
    Shared     one of them: its members, its uplink to a relay, its gate for what guests say
    shares     the list of members as commands see it

A guest's side is `joining`.
"""
