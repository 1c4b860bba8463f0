-- The first schema. Names are documentation: anyone may open the file with `sqlite3` and look.
--
-- What a client sent is kept as text (`head`, `body`, `data`); every other column is derived from it or is
-- about it. Text columns hold decoded text with U+0000 and lone surrogates as U+FFFD.
-- Times are milliseconds since 1970, UTC. `revision` is the `seq` of a row's last change.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE owners (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The last change of each kind, deletes included: the revision of a whole store.
CREATE TABLE kind_revisions (
    owner INTEGER NOT NULL REFERENCES owners (key),
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (owner, kind)
) STRICT, WITHOUT ROWID;

-- `head` is the conversation's JSON with its `messages` array emptied; the bodies go back in at byte
-- `messages_at`, which is NULL when `messages` was absent or no array.
CREATE TABLE conversations (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    user_title TEXT,
    auto_title TEXT,
    title TEXT GENERATED ALWAYS AS (coalesce(nullif(user_title, ''), auto_title)) VIRTUAL,
    is_archived INTEGER NOT NULL,
    system_purpose_id TEXT,
    created INTEGER,
    updated INTEGER,
    token_count INTEGER,
    message_count INTEGER NOT NULL,
    message_bytes INTEGER NOT NULL,
    messages_at INTEGER,
    head_revision INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    hash BLOB NOT NULL,
    head TEXT NOT NULL,
    UNIQUE (owner, id)
) STRICT;
CREATE INDEX conversations_by_position ON conversations (owner, position);
CREATE INDEX conversations_by_updated ON conversations (owner, updated DESC, created DESC, position);

-- `key` is `conversation << 32 | position`: the messages of a conversation stand together, in order, and
-- positions have gaps. The same id in two conversations is two messages; within one it is not unique either.
CREATE TABLE messages (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    id TEXT,
    role TEXT,
    created INTEGER,
    updated INTEGER,
    vendor_id TEXT,
    model_id TEXT,
    pending INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_id ON messages (conversation, id);

CREATE VIEW fragments AS
SELECT
    conversations.id AS conversation_id,
    messages.id AS message_id,
    messages.key AS message_key,
    fragment.key AS number,
    fragment.value ->> '$.ft' AS ft,
    fragment.value ->> '$.fId' AS f_id,
    fragment.value ->> '$.part.pt' AS pt,
    fragment.value ->> '$.part.text' AS text,
    fragment.value AS json
FROM messages
INNER JOIN conversations ON conversations.key = messages.conversation
INNER JOIN json_each(
    CASE WHEN json_valid(messages.body) AND json_type(messages.body, '$.fragments') = 'array'
        THEN messages.body ELSE '{"fragments":[]}' END,
    '$.fragments'
) AS fragment
WHERE fragment.type = 'object';

-- Every store that has no tables of its own; for the others what is left beside them, with their arrays and
-- maps emptied. `version` and `beside` are JSON.
CREATE TABLE documents (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    name TEXT NOT NULL,
    device TEXT NOT NULL DEFAULT '',
    version TEXT,
    bare INTEGER NOT NULL DEFAULT 0,
    beside TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    data TEXT,
    UNIQUE (owner, name, device),
    CHECK ((data IS NULL) <> (sealed IS NULL))
) STRICT;

-- Model services with their credentials: always sealed.
CREATE TABLE llm_services (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    label TEXT,
    vendor_id TEXT,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX llm_services_by_position ON llm_services (owner, position);
CREATE INDEX llm_services_by_id ON llm_services (owner, id);

-- Models; service_id is the service each belongs to.
CREATE TABLE llm_models (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    label TEXT,
    vendor_id TEXT,
    service_id TEXT,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX llm_models_by_position ON llm_models (owner, position);
CREATE INDEX llm_models_by_id ON llm_models (owner, id);

-- Which model does what; the id is the task.
CREATE TABLE llm_assignments (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    model_id TEXT,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX llm_assignments_by_position ON llm_assignments (owner, position);
CREATE INDEX llm_assignments_by_id ON llm_assignments (owner, id);

-- Folders.
CREATE TABLE folders (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    title TEXT,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX folders_by_position ON folders (owner, position);
CREATE INDEX folders_by_id ON folders (owner, id);

-- Custom personas.
CREATE TABLE personas (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX personas_by_position ON personas (owner, position);
CREATE INDEX personas_by_id ON personas (owner, id);

-- Hidden personas; the body is the id as a JSON string.
CREATE TABLE hidden_personas (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX hidden_personas_by_position ON hidden_personas (owner, position);
CREATE INDEX hidden_personas_by_id ON hidden_personas (owner, id);

-- A system prompt of one conversation; the id is the conversation's.
CREATE TABLE conversation_prompts (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX conversation_prompts_by_position ON conversation_prompts (owner, position);
CREATE INDEX conversation_prompts_by_id ON conversation_prompts (owner, id);

-- Live files of a workspace; the id is the workspace's, the body the array of file ids.
CREATE TABLE workspace_files (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX workspace_files_by_position ON workspace_files (owner, position);
CREATE INDEX workspace_files_by_id ON workspace_files (owner, id);

CREATE TABLE folder_conversations (
    owner INTEGER NOT NULL,
    folder INTEGER NOT NULL REFERENCES folders (key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    PRIMARY KEY (folder, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX folder_conversations_by_id ON folder_conversations (owner, conversation_id);

-- Content, stored once: `hash` is BLAKE3 of the bytes.
CREATE TABLE blobs (
    hash BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

-- `body` is the app's record with the text of `data.base64` cut out; it goes back in at byte `data_at`, which
-- is NULL when the record has none that is plain base64.
CREATE TABLE assets (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    id TEXT NOT NULL,
    scope_id TEXT,
    asset_type TEXT,
    label TEXT,
    mime TEXT,
    width INTEGER,
    height INTEGER,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    blob BLOB REFERENCES blobs (hash),
    data_at INTEGER,
    body TEXT NOT NULL,
    UNIQUE (owner, id)
) STRICT;
CREATE INDEX assets_by_blob ON assets (blob);

-- Who refers to an asset: a message by its key, a kept version by its key with a minus sign.
CREATE TABLE asset_references (
    owner INTEGER NOT NULL,
    asset_id TEXT NOT NULL,
    holder INTEGER NOT NULL,
    PRIMARY KEY (owner, asset_id, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_references_by_holder ON asset_references (holder);

-- The ledger. Rows are only ever added. `source` is `entry`, `message`, or a marker: `baseline` (the metrics
-- document was saved: earlier entries are in it) and `clear` (earlier entries and the baseline do not count).
-- Costs are 10^-9 dollars; NULL is unknown.
CREATE TABLE usage (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES owners (key),
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    ledger_key BLOB,
    service_id TEXT,
    vendor_id TEXT,
    model_id TEXT,
    conversation_id TEXT,
    message_id TEXT,
    input_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_nano INTEGER,
    savings_nano INTEGER,
    code TEXT,
    debug_source TEXT
) STRICT;
CREATE UNIQUE INDEX usage_by_ledger_key ON usage (owner, ledger_key) WHERE ledger_key IS NOT NULL;
CREATE INDEX usage_by_source ON usage (owner, source);

CREATE TABLE changes (
    owner INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    client TEXT,
    kind TEXT NOT NULL,
    parent TEXT,
    id TEXT NOT NULL,
    op TEXT NOT NULL,
    revision INTEGER GENERATED ALWAYS AS (seq) VIRTUAL,
    bytes_before INTEGER,
    bytes_after INTEGER,
    duration_us INTEGER NOT NULL,
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;

-- Versions that were overwritten or deleted. `revision` is the one they had; `op` is what replaced them.
CREATE TABLE history (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owners (key),
    kind TEXT NOT NULL,
    parent TEXT,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    client TEXT,
    op TEXT NOT NULL,
    position INTEGER,
    version TEXT,
    bare INTEGER NOT NULL DEFAULT 0,
    beside TEXT,
    blob BLOB REFERENCES blobs (hash),
    data_at INTEGER,
    bytes INTEGER NOT NULL,
    sealed BLOB,
    body TEXT,
    CHECK ((body IS NULL) <> (sealed IS NULL))
) STRICT;
CREATE INDEX history_by_entity ON history (owner, kind, id);
CREATE INDEX history_by_revision ON history (owner, revision);
CREATE INDEX history_by_blob ON history (blob) WHERE blob IS NOT NULL;

CREATE TABLE idempotency (
    owner INTEGER NOT NULL REFERENCES owners (key),
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    answer TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_at ON idempotency (owner, at);

-- The shared documents, and an empty one for each store that exists by its rows alone.
CREATE VIEW every_document AS
SELECT key, owner, name, version, created_at, updated_at, data FROM documents WHERE device = ''
UNION ALL
SELECT -known.number, kind_revisions.owner, known.store, NULL, kind_revisions.at, kind_revisions.at, known.data
FROM (
    SELECT 1 AS number, 'app-chats' AS store, 'conversation' AS kind, '{"conversations":[]}' AS data
    UNION ALL SELECT 2, 'app-models', 'llm_model', '{"llms":[]}'
    UNION ALL SELECT 3, 'app-folders', 'folder', '{"folders":[]}'
    UNION ALL SELECT 4, 'app-app-personas', 'persona', '{"simplePersonas":[]}'
    UNION ALL SELECT 5, 'app-purpose', 'hidden_persona', '{"hiddenPurposeIDs":[]}'
    UNION ALL SELECT 6, 'agi-client-workspace', 'workspace_files', '{"liveFilesByWorkspace":{}}'
) AS known
INNER JOIN kind_revisions ON kind_revisions.kind = known.kind
WHERE NOT EXISTS (
    SELECT 1 FROM documents
    WHERE documents.owner = kind_revisions.owner AND documents.name = known.store AND documents.device = '');

-- Each store as one row, as the first system had it. Sealed data is NULL; `app-models` shows its models.
CREATE VIEW stores AS
SELECT
    documents.key AS id,
    documents.name,
    CASE
        WHEN NOT json_valid(documents.data) OR json_type(documents.data) <> 'object' THEN documents.data
        WHEN documents.name = 'app-chats' AND json_type(documents.data, '$.conversations') = 'array' THEN json_set(
            documents.data, '$.conversations', json((
                SELECT '[' || coalesce(group_concat(text, ','), '') || ']' FROM (SELECT
                    CASE WHEN c.messages_at IS NULL THEN c.head ELSE
                        CAST(substr(CAST(c.head AS BLOB), 1, c.messages_at) AS TEXT) || coalesce((
                            SELECT group_concat(body, ',') FROM (
                                SELECT m.body FROM messages AS m WHERE m.conversation = c.key ORDER BY m.key)), '')
                        || CAST(substr(CAST(c.head AS BLOB), c.messages_at + 1) AS TEXT) END AS text
                    FROM conversations AS c WHERE c.owner = documents.owner ORDER BY c.position))))
        WHEN documents.name = 'app-models' AND json_type(documents.data, '$.llms') = 'array' THEN json_set(
            documents.data, '$.llms', json((
                SELECT '[' || coalesce(group_concat(body, ','), '') || ']' FROM (
                    SELECT m.body FROM llm_models AS m WHERE m.owner = documents.owner ORDER BY m.position))))
        WHEN documents.name = 'app-folders' AND json_type(documents.data, '$.folders') = 'array' THEN json_set(
            documents.data, '$.folders', json((
                SELECT '[' || coalesce(group_concat(body, ','), '') || ']' FROM (
                    SELECT f.body FROM folders AS f WHERE f.owner = documents.owner ORDER BY f.position))))
        WHEN documents.name = 'app-app-personas' AND json_type(documents.data, '$.simplePersonas') = 'array' THEN json_set(
            documents.data, '$.simplePersonas', json((
                SELECT '[' || coalesce(group_concat(body, ','), '') || ']' FROM (
                    SELECT p.body FROM personas AS p WHERE p.owner = documents.owner ORDER BY p.position))))
        WHEN documents.name = 'app-purpose' AND json_type(documents.data, '$.hiddenPurposeIDs') = 'array' THEN json_set(
            documents.data, '$.hiddenPurposeIDs', json((
                SELECT '[' || coalesce(group_concat(body, ','), '') || ']' FROM (
                    SELECT p.body FROM hidden_personas AS p WHERE p.owner = documents.owner ORDER BY p.position))))
        WHEN documents.name = 'agi-client-workspace' AND json_type(documents.data, '$.liveFilesByWorkspace') = 'object'
            THEN json_set(documents.data, '$.liveFilesByWorkspace', json((
                SELECT '{' || coalesce(group_concat(json_quote(id) || ':' || body, ','), '') || '}' FROM (
                    SELECT w.id, w.body FROM workspace_files AS w WHERE w.owner = documents.owner ORDER BY w.position))))
        ELSE documents.data
    END AS data,
    documents.version,
    strftime('%Y-%m-%d %H:%M:%S', documents.created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%d %H:%M:%S', documents.updated_at / 1000.0, 'unixepoch') AS updated_at
FROM every_document AS documents;
