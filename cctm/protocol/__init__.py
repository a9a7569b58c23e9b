"""The protocol: values and state machines, bytes in, bytes and effects out.

    errors     what can go wrong, and whose fault it is
    codec      canonical MessagePack: one value, one encoding
    ids        ids, hashes, signatures as anybody checks them
    keys       what signs, and what secrets derive from
    sizes      how large what is sealed becomes
    seal       padding, compression, ciphers
    events     what happened: one class per fact
    entry      a batch of events: where it stands, chained and signed
    contents   what is in it, sealed
    log        one writer's chain of entries, verified
    log_writer … and written
    access     who may write what
    grant      who gets the secrets
    tables     messages by number
    origin     where a relay is reached
    link       a capability as text, to be pasted
    admission  whom a relay lets in
    control    what daemon and clients say to each other
    sync       what peers say to each other
    live       what host and readers say to each other past the log

Each module uses only those above it. None touches a socket, a clock, a disk or a source of randomness: time,
nonces and seeds are arguments. A function on bytes from anywhere ends in `_untrusted` and raises the errors
of `errors.py` only. What decrypts is in `seal`, and in `contents`, `log_writer`, `grant` and `live`, which use it;
secrets are in `keys` and `link`: a relay imports none of the seven. SPEC.md §1–5, 8, 10, 11 and 14–16 say the same in
prose.
"""
