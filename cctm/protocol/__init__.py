"""The protocol: values and state machines, bytes in, bytes and effects out.

    errors     what can go wrong, and whose fault it is
    codec      canonical MessagePack: one value, one encoding
    keys       keys, ids, signatures; every hash has a person of its own
    seal       padding, compression, ciphers
    events     what happened: one class per fact
    entry      a batch of events: sealed, chained, signed
    log        one writer's chain of entries, written and verified
    access     who may write what
    grant      who gets the secrets
    tables     messages by number
    link       a capability as text, to be pasted
    admission  whom a relay lets in
    control    what daemon and clients say to each other
    sync       what peers say to each other

Each module uses only those above it. None touches a socket, a clock, a disk or a source of randomness: time,
nonces and seeds are arguments. A function on bytes from anywhere ends in `_untrusted` and raises the errors
of `errors.py` only. SPEC.md §1–5, 8, 10, 11, 14 and 15 say the same in prose.
"""
