"""Live: what host and readers say to each other past the log (SPEC.md §16.5–16.7). Pure.

    allowance  how much of something there may be in a time
    envelope   who sent a message, and to whom
    box_keys   the keys that input is sealed to, and how they come and go
    pulse      what a host says of itself
    words      what readers ask of it
    messages   how each message is sealed and opened

    seats      what a host knows of each who speaks to it
    decisions  what its gate is told, and tells it to do
    telling    its pulses, and who is here
    gate       the host's side

    hailing    a reader's hails, and what their answers prove
    session    frames of input: sent, run, lost
    effects    what its driver tells it to do
    driver     the reader's side

    reader ── hail(nonce) ──────────────► host          every 2.5 s (driver) or 10 s
    reader ◄── pulse(nonce, box key, …) ─ host
    reader ── word(input k) to box key ─► host ──► PTY  at most once, in order, without a hole, not late

**Invariants**

- A relay can drop and delay all this; whatever else it does is refused, by signature, nonce, box key or counter.
- Who may do what is asked of the list at the moment it is done.
- Nothing here is on any disk; a daemon's end ends every session.
"""
