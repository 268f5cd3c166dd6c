-- Where each source stands. A cursor is saved only after the items before it are durably in the inbox.
CREATE TABLE IF NOT EXISTS sources (
    name TEXT PRIMARY KEY,
    platform TEXT,
    cursor TEXT NOT NULL DEFAULT '{}',
    recent BLOB NOT NULL DEFAULT x'',   -- marks of the raw items read last, see crawlers/recent.py
    fingerprint TEXT,                   -- of the settings it was last polled with: a change ends a stop
    first_at REAL NOT NULL,             -- when it was first tried: silence counts from here when nothing came
    last_poll_at REAL,                  -- last answer, good or bad
    last_seen_at REAL,                  -- last time something new came in
    next_poll_at REAL,
    last_error TEXT,                    -- NULL when the last poll was good
    error_kind TEXT,
    failures INTEGER NOT NULL DEFAULT 0, -- in a row
    polls INTEGER NOT NULL DEFAULT 0,
    items INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Which gatherer polls a source, see claims.py. The owner stays when the claim has ended: who comes late is known by it.
CREATE TABLE IF NOT EXISTS source_claims (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until REAL NOT NULL                  -- when another gatherer may take the source over
) STRICT;
