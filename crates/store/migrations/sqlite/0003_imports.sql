-- Import sessions: a file that was looked at, brought in, and can be taken out again. `body` says how it went; `undo`
-- holds what takes it back, always sealed, as it may name credentials. `usage_from` and `usage_until` are the keys of
-- the ledger between which the session wrote, `revision` is its last change. Rows of the ledger that it brought get the source `void` when it is
-- taken back.
CREATE TABLE imports (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    usage_from INTEGER,
    usage_until INTEGER,
    revision INTEGER,
    body TEXT NOT NULL,
    undo BLOB,
    UNIQUE (owner, id)
) STRICT;
