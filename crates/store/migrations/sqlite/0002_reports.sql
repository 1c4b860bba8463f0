-- What a client tells of itself, such as the differences that a shadow run found. The newest thousand of each owner
-- are kept. `revision` is the change that brought it: a report is never changed.
CREATE TABLE reports (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    client TEXT,
    kind TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (owner, revision)
) STRICT;
CREATE INDEX reports_by_kind ON reports (owner, kind, revision);
