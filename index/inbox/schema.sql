-- The queue. `item` is narrow on purpose: lending and returning rewrite it, the wide `content` is written once.
CREATE TABLE IF NOT EXISTS item(
  seq      INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival; never used again, so that a receipt stays unique
  id       TEXT NOT NULL,                      -- mention.id; more than one row when an edit arrives during a loan
  version  INTEGER NOT NULL,
  source   TEXT NOT NULL,
  batch    TEXT NOT NULL,                      -- '' when it belongs to no batch
  author   TEXT,
  lent     INTEGER NOT NULL DEFAULT 0,         -- 1 while a worker has it
  worker   TEXT,                               -- who has it, or had it last
  loan     INTEGER NOT NULL DEFAULT 0,         -- number of the latest loan: the second half of the receipt
  ready    REAL NOT NULL DEFAULT 0,            -- may be lent from then on: the end of the loan, or the time of the retry
  tries    INTEGER NOT NULL DEFAULT 0,         -- failed tries and lapsed loans
  received REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS item_id ON item(id);
CREATE INDEX IF NOT EXISTS item_batch ON item(batch) WHERE batch <> '';
CREATE INDEX IF NOT EXISTS item_author ON item(author) WHERE author IS NOT NULL;

CREATE TABLE IF NOT EXISTS content(
  seq     INTEGER PRIMARY KEY REFERENCES item(seq) ON DELETE CASCADE,
  mention BLOB NOT NULL,                       -- JSON of the Mention
  raw     BLOB
);

-- How often each end was reached. Written in the transaction that moves the item, so it cannot drift.
CREATE TABLE IF NOT EXISTS ends(
  source TEXT NOT NULL,
  batch  TEXT NOT NULL,
  kind   TEXT NOT NULL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (source, batch, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ends_batch ON ends(batch) WHERE batch <> '';

CREATE TABLE IF NOT EXISTS quarantine(
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  source      TEXT NOT NULL,
  fingerprint BLOB NOT NULL,                   -- of the raw bytes, or of the mention when there is one
  reason      TEXT NOT NULL,
  raw         BLOB NOT NULL,
  place       TEXT,
  at          REAL NOT NULL,
  batch       TEXT NOT NULL,
  author      TEXT,
  mention     BLOB,
  given_up    INTEGER NOT NULL,
  UNIQUE (source, fingerprint)
);
CREATE INDEX IF NOT EXISTS quarantine_author ON quarantine(author) WHERE author IS NOT NULL;
