-- Who did what to whom, when and why. Rows are only ever added: triggers in index/records refuse the rest.
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- counted without gaps, so a missing row shows
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,                 -- an id, never a name or a contact
    why TEXT
);
CREATE INDEX IF NOT EXISTS audit_subject ON audit (subject, id);
