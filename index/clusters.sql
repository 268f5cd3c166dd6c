-- Texts of the last weeks that no earlier one resembles, each the first of a cluster of near-duplicates.
-- Hashes alone: no word can be read from them, no author is named.
CREATE TABLE IF NOT EXISTS cluster (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  signature TEXT NOT NULL,         -- one byte of each MinHash, in hex
  made INTEGER NOT NULL);          -- day, as date.toordinal()
CREATE INDEX IF NOT EXISTS cluster_made ON cluster (made);
CREATE TABLE IF NOT EXISTS cluster_band (
  band INTEGER NOT NULL, cluster INTEGER NOT NULL, PRIMARY KEY (band, cluster)) WITHOUT ROWID;
