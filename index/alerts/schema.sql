-- A case: what one author says about one topic of one brand, until it is closed.
CREATE TABLE IF NOT EXISTS cases (
    id TEXT PRIMARY KEY,         -- a hash of the key below: the same mentions give the same ids anywhere
    brand TEXT NOT NULL,
    author_key TEXT NOT NULL,    -- author id; the mention's own id where the author is unknown
    topic TEXT NOT NULL,
    praise INTEGER NOT NULL,
    round INTEGER NOT NULL,      -- 0 first; a mention after closing opens the next round
    rule TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    reason_zh TEXT NOT NULL,
    minutes INTEGER NOT NULL,    -- time to answer
    lang TEXT,                   -- of the latest mention: the language to answer in
    author TEXT,                 -- the Author as JSON
    state TEXT NOT NULL CHECK (state IN ('new', 'assigned', 'replied', 'closed')),
    assignee TEXT,
    opened_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    snoozed_until TEXT,
    version INTEGER NOT NULL DEFAULT 0,
    UNIQUE (brand, author_key, topic, praise, round)
);
CREATE UNIQUE INDEX IF NOT EXISTS cases_open ON cases (brand, author_key, topic, praise) WHERE state <> 'closed';
CREATE INDEX IF NOT EXISTS cases_state ON cases (state, due_at);
CREATE INDEX IF NOT EXISTS cases_author ON cases (author_key);

-- A mention belongs to one case per brand: considering it again changes nothing.
CREATE TABLE IF NOT EXISTS case_mentions (
    mention_id TEXT NOT NULL,
    brand TEXT NOT NULL,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    published_at TEXT NOT NULL,
    PRIMARY KEY (mention_id, brand)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS case_mentions_case ON case_mentions (case_id, published_at);

CREATE TABLE IF NOT EXISTS case_events (
    id INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT
);
CREATE INDEX IF NOT EXISTS case_events_case ON case_events (case_id, id);

-- Half-written replies, one per agent: two agents never overwrite each other.
CREATE TABLE IF NOT EXISTS case_drafts (
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    by TEXT NOT NULL,
    text TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (case_id, by)
) WITHOUT ROWID;

-- What is to be sent, written together with the case. Holds ids only: an erased mention is never sent.
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    mention_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up', 'dropped')),
    tries INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    next_at TEXT NOT NULL,       -- not before; while being sent, when another process may take over
    sent_at TEXT,
    error TEXT,
    UNIQUE (case_id, channel)
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (next_at) WHERE state = 'waiting';

-- What the desk was told of: its bell.
CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL UNIQUE REFERENCES cases (id) ON DELETE CASCADE,
    at TEXT NOT NULL
);
