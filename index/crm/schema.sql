-- Customers as the CRM gave them. Contact data: keyed hashes to match, one encrypted text to show.
CREATE TABLE IF NOT EXISTS customers (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,      -- the whole Customer as JSON
    name TEXT,
    spend REAL,
    last_order_at TEXT,
    phone_hash TEXT,
    email_hash TEXT,
    words TEXT NOT NULL,         -- id, name, handles and tags in small letters, for the search box
    updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS customers_phone ON customers (phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS customers_email ON customers (email_hash) WHERE email_hash IS NOT NULL;

CREATE TABLE IF NOT EXISTS customer_handles (
    platform TEXT NOT NULL,
    handle TEXT NOT NULL,        -- account id, handle or display name as the customer declared it
    customer_id TEXT NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    PRIMARY KEY (platform, handle, customer_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS customer_handles_customer ON customer_handles (customer_id);

-- Keyed hashes of the ids of erased customers: a later import does not bring them back.
CREATE TABLE IF NOT EXISTS customers_erased (id_hash TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;

-- A fingerprint of the key: a different key would hash differently and silently link nobody.
CREATE TABLE IF NOT EXISTS contact_key (one INTEGER PRIMARY KEY CHECK (one = 1), fingerprint TEXT NOT NULL);

-- Keyed hashes of contacts that accounts posted in their own texts, so that customers who are imported
-- later are linked as well.
CREATE TABLE IF NOT EXISTS contacts_seen (
    hash TEXT NOT NULL,
    author_id TEXT NOT NULL,
    mention_id TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (hash, author_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contacts_seen_author ON contacts_seen (author_id);

-- Why a pair may belong together. Links are decided from the whole of it, so the order of arrival is nothing.
CREATE TABLE IF NOT EXISTS link_evidence (
    author_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    kind TEXT NOT NULL,          -- phone, email, account (id or handle), name
    declared TEXT,               -- the handle as it was declared when this was found, never a contact
    mention_id TEXT,
    at TEXT NOT NULL,
    PRIMARY KEY (author_id, customer_id, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS link_evidence_customer ON link_evidence (customer_id);

-- The truth about pairs. An account belongs to one customer at most; a customer may have many accounts.
CREATE TABLE IF NOT EXISTS links (
    author_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('linked', 'unlinked', 'rejected')),
    evidence TEXT NOT NULL,
    by TEXT NOT NULL,            -- 'automatic' or the person
    at TEXT NOT NULL,
    reason TEXT,
    mention_id TEXT,
    PRIMARY KEY (author_id, customer_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS links_one ON links (author_id) WHERE status = 'linked';
CREATE INDEX IF NOT EXISTS links_customer ON links (customer_id);

CREATE TABLE IF NOT EXISTS link_history (
    id INTEGER PRIMARY KEY,
    author_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    status TEXT NOT NULL,
    evidence TEXT NOT NULL,
    by TEXT NOT NULL,
    at TEXT NOT NULL,
    reason TEXT,
    mention_id TEXT
);
CREATE INDEX IF NOT EXISTS link_history_author ON link_history (author_id);
CREATE INDEX IF NOT EXISTS link_history_customer ON link_history (customer_id);

-- What the store was not told yet; emptied after store.set_customer, so a crash in between loses nothing.
CREATE TABLE IF NOT EXISTS link_mirror (author_id TEXT PRIMARY KEY, customer_id TEXT) WITHOUT ROWID;
