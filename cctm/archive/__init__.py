"""What is kept, and how it is read again (SPEC.md §6).

    <home>/
      device.key                          the one secret that everything is wrapped under      device
      catalogue.sqlite                    quick to look up, written down twice     catalogue, database, about
      archive/<channel>/                  a directory for each terminal                        files
        <generation>-<log>-<segment>.seg  append-only: framed, sealed, chained, signed         segment

    writing    disk ◄─ writing ◄─ storage   one thread; nothing is reported that is not synchronised
    starting   recover, rebuild             how far a log goes; the catalogue from the segments
    reading    segment ─► walk ─► opening ─► fold, reader
               bytes      verified  events   output, tails
    naming     targets                      which terminal a person means
    judging    verify ─► finding, room      what is wrong and where; how much may be kept

**Invariants**

- What was reported as stored survives the daemon, the keeper and the power.
- Files hold ciphertext, ids, sizes and times of writing; never a name, a command, or a byte of output.
- An entry is opened only once a signature of its writer vouches for it, its own or a later one's.
- Damage costs what it touches. It is named, skipped, and never cut away or repaired in place.
- Readers write nothing, need no daemon, and keep no terminal in memory.
- Only the storage thread writes while a daemon runs. `recover` and `rebuild` write before it takes up a channel.
"""
