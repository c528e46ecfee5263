-- The inbox. Times are milliseconds since the Unix epoch.

CREATE TABLE feeds (
    feed        TEXT PRIMARY KEY,
    address     TEXT NOT NULL,              -- whose cursor this is: another address starts afresh
    cursor      TEXT NOT NULL DEFAULT '',   -- the last event id, moves in the transaction of the row
    connections INTEGER NOT NULL DEFAULT 0, -- counts connections for ever
    facts       INTEGER NOT NULL DEFAULT 0, -- board: the place of the next live fact
    stopped_on  TEXT,                       -- the event name after which the server asked to stop
    last_event  INTEGER                     -- when the last event arrived
) STRICT;

CREATE TABLE messages (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    feed      TEXT NOT NULL,
    kind      INTEGER NOT NULL,             -- 0 event, 1 gap
    event     TEXT NOT NULL,
    own_id    TEXT,
    data      TEXT NOT NULL,
    title     TEXT NOT NULL,
    body      TEXT NOT NULL,
    link      TEXT,
    icon      TEXT,
    urgency   INTEGER NOT NULL,
    grouped   TEXT,
    received  INTEGER NOT NULL,
    gap_from  INTEGER,
    verdict   TEXT NOT NULL,                -- JSON text: which rule said what
    silenced  TEXT,                         -- JSON text: why no notification
    unread    INTEGER NOT NULL,
    pinned    INTEGER NOT NULL DEFAULT 0,
    announced INTEGER NOT NULL,             -- 0: owed a notification
    shown_at  INTEGER,
    read_at   INTEGER,
    deleted   INTEGER                       -- when; purged later, so that undo works
) STRICT;

CREATE INDEX messages_by_feed ON messages (feed, id) WHERE deleted IS NULL;
CREATE INDEX messages_unread ON messages (feed) WHERE unread = 1 AND deleted IS NULL;
CREATE INDEX messages_pinned ON messages (id) WHERE pinned = 1 AND deleted IS NULL;
CREATE INDEX messages_owed ON messages (id) WHERE announced = 0;

-- What was seen, apart from messages: deleting a message does not bring it back.
CREATE TABLE seen (
    feed       TEXT NOT NULL,
    key        BLOB NOT NULL,
    connection INTEGER NOT NULL,            -- on which it first came
    resent_on  INTEGER NOT NULL DEFAULT 0,  -- the connection that last re-sent it: once per connection
    place      INTEGER PRIMARY KEY AUTOINCREMENT,
    after      INTEGER NOT NULL             -- 1: without an id of its own, and since the cursor last moved
) STRICT;
CREATE INDEX seen_by_key ON seen (feed, key);
CREATE INDEX seen_after ON seen (feed) WHERE after = 1;

CREATE VIRTUAL TABLE words USING fts5 (
    title, body, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE state (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
