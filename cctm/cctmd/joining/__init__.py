"""joining: terminals of other machines, followed here.

    relay ─► downlink ─► Follower (protocol) ─► Mirror ─┬► Stage ─► painted clients
                                                        └► Keeping ─► archive: readable later, without the relay
    keys ─► Mirror ─► Driver (protocol) ─► downlink ─► relay ─► host

    mirrors.py     the registry: join, what was joined before, who is in one
    mirror.py      one terminal that was joined: a stage whose output comes from a log
    downlink.py    its connection to the relay, as long as somebody looks
    keeping.py     what of its logs is stored
    granted.py     what the host's grants brought: secrets and roles
    past.py        what lies before that, fetched when somebody asks
    watermark.py   how far they were seen, as the catalogue keeps it
    banner.py      what lies over its last row, and why

Invariants: nothing that the other machine's program prints reaches a client's terminal but as painted cells. What
cannot be shown, stored or typed is said; nothing here ever ends a terminal that runs on this machine.
"""
