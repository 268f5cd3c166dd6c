-- Mentions in SQLite. Every statement is repeatable: it runs each time a process opens the store.
-- Words of a fixed set (platform, label, list of brands ...) are numbers here; `term` says which.

CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- A value, or a list of values as one JSON text: few lists exist, so a mention's brands, aspects and intents are
-- one number each, and counting them is grouping by it. Fields: brand, brands, platform, aspect, aspects ...
CREATE TABLE IF NOT EXISTS term (
  id INTEGER PRIMARY KEY, field TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (field, value));

CREATE TABLE IF NOT EXISTS author (
  id INTEGER PRIMARY KEY,
  author_id TEXT NOT NULL UNIQUE,
  name TEXT,                       -- name and handle of the newest version seen, to be found by
  handle TEXT,
  version INTEGER NOT NULL DEFAULT 0,
  customer TEXT);
CREATE INDEX IF NOT EXISTS author_name ON author (name) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS author_handle ON author (handle) WHERE handle IS NOT NULL;
CREATE INDEX IF NOT EXISTS author_customer ON author (customer) WHERE customer IS NOT NULL;

-- What is filtered and counted: narrow, so that a month of it is few pages.
CREATE TABLE IF NOT EXISTS mention (
  rid INTEGER PRIMARY KEY,         -- (second << 10) | slot: time order, cursor and join key. Negative before 1970.
                                   -- A second with more than 1024 mentions spills into the next ones (see spill).
  ts INTEGER NOT NULL,             -- published_at, exact, microseconds since 1970
  brands INTEGER NOT NULL,
  platform INTEGER NOT NULL,
  sentiment INTEGER NOT NULL,      -- the label to show, index into SENTIMENTS
  spam INTEGER NOT NULL,           -- 1 when judged 0.5 or more
  aspects INTEGER NOT NULL,
  intents INTEGER NOT NULL,
  lang INTEGER,
  source INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  region INTEGER,
  author INTEGER,
  engagement INTEGER,
  followers INTEGER,
  fingerprint INTEGER NOT NULL,    -- 47 bits of a hash of the words: equal for the same normalised text
  cluster INTEGER);                -- Analysis.cluster as a number (files made before it get the column when opened)
CREATE INDEX IF NOT EXISTS mention_author ON mention (author) WHERE author IS NOT NULL;

-- What is shown: wide, read for single mentions. Documents are JSON.
CREATE TABLE IF NOT EXISTS body (
  rid INTEGER PRIMARY KEY,
  mid TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  digest BLOB NOT NULL,
  analysis_digest BLOB NOT NULL,   -- without analysed_at: the same answer given later is the same
  mention BLOB NOT NULL,
  analysis BLOB NOT NULL);

-- Fed with tokens made by index.text, so only the space separates. Contentless: the text stands in body.
CREATE VIRTUAL TABLE IF NOT EXISTS fts USING fts5 (
  words, content='', tokenize="ascii tokenchars '!#$%&()*+,-./:;<=>?@[]^_{|}~'''");

-- Mentions by local day, kept in step by the writer inside its transaction. brand 0 is "every mention".
CREATE TABLE IF NOT EXISTS tally (
  brand INTEGER, day INTEGER, platform INTEGER, sentiment INTEGER, spam INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (brand, day, platform, sentiment, spam)) WITHOUT ROWID;
-- The same by aspect (with the aspect's sentiment), intent and brand (of one brand: the others named with it).
CREATE TABLE IF NOT EXISTS tally_term (
  brand INTEGER, day INTEGER, term INTEGER, sentiment INTEGER, spam INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (brand, day, term, sentiment, spam)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS correction (
  mention_id TEXT, field TEXT, document BLOB NOT NULL, PRIMARY KEY (mention_id, field)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS influence (
  author INTEGER, brand TEXT NOT NULL, score REAL NOT NULL, document BLOB NOT NULL,
  PRIMARY KEY (author, brand)) WITHOUT ROWID;

-- Mentions removed, by keyed hash of the id, with the version that a later save must exceed.
CREATE TABLE IF NOT EXISTS removed (hash BLOB PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
-- Authors erased, by keyed hash of the id.
CREATE TABLE IF NOT EXISTS erased (hash BLOB PRIMARY KEY) WITHOUT ROWID;
-- Seconds whose slots are all taken, and where their next free slot probably is.
CREATE TABLE IF NOT EXISTS spill (second INTEGER PRIMARY KEY, rid INTEGER NOT NULL);
