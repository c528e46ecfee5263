-- What lists are made from is apart from what a message says: narrow rows that change, and wide ones
-- that do not. Every message has one of each.

ALTER TABLE messages RENAME TO messages_2;

CREATE TABLE messages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    feed        TEXT NOT NULL,
    kind        INTEGER NOT NULL,           -- 0 event, 1 gap
    event       TEXT NOT NULL,
    own_id      TEXT,
    urgency     INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    gap_from    INTEGER,
    grouped     TEXT,
    thread      BLOB,
    title       TEXT NOT NULL,
    burst_title TEXT,                       -- of its burst, with a place for the number
    actor       TEXT,                       -- who did it
    link        TEXT,
    icon        TEXT,
    verdict     TEXT NOT NULL,              -- JSON text: which rule said what
    silenced    TEXT,                       -- JSON text: why no notification
    actions     TEXT,                       -- JSON: what the message itself offers to do
    body        TEXT NOT NULL,
    data        TEXT NOT NULL               -- last, so that reading the rest passes over no long data
) STRICT;

INSERT INTO messages (id, feed, kind, event, own_id, urgency, received, gap_from, grouped, thread,
        title, link, icon, verdict, silenced, body, data)
    SELECT id, feed, kind, event, own_id, urgency, received, gap_from, grouped, thread,
        title, link, icon, verdict, silenced, body, data
    FROM messages_2 ORDER BY id;
-- Numbers of messages that are gone are not given again.
DELETE FROM sqlite_sequence WHERE name = 'messages';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'messages', seq FROM sqlite_sequence WHERE name = 'messages_2';

-- Unread, pinned, done and deleted are independent. Moments of people's acts are unique (state
-- 'stamp'): what was done at once carries one, by which it is taken back.
CREATE TABLE facts (
    id        INTEGER PRIMARY KEY,          -- the message's
    feed      TEXT NOT NULL,
    event     TEXT NOT NULL,
    urgency   INTEGER NOT NULL,
    received  INTEGER NOT NULL,
    burst     INTEGER NOT NULL,             -- the first message of its burst; alone: itself
    actor     INTEGER,                      -- digest of who did it
    unread    INTEGER NOT NULL,
    pinned    INTEGER NOT NULL DEFAULT 0,
    done      INTEGER NOT NULL DEFAULT 0,
    deleted   INTEGER,                      -- when; purged later, so that undo works
    announced INTEGER NOT NULL,             -- 0: owed a notification
    silent    INTEGER NOT NULL,             -- 1: none was ever owed
    read_at   INTEGER,
    done_at   INTEGER,
    shown_at  INTEGER,
    opened_at INTEGER                       -- from its notification
) STRICT;

CREATE INDEX facts_by_feed ON facts (feed, id) WHERE deleted IS NULL;
CREATE INDEX facts_unread ON facts (id) WHERE unread = 1 AND deleted IS NULL;
CREATE INDEX facts_pinned ON facts (id) WHERE pinned = 1 AND deleted IS NULL;
CREATE INDEX facts_done ON facts (id) WHERE done = 1 AND deleted IS NULL;
CREATE INDEX facts_owed ON facts (id) WHERE announced = 0;
CREATE INDEX facts_by_burst ON facts (burst, done, deleted, id);
CREATE INDEX facts_by_actor ON facts (burst, actor, done, deleted) WHERE actor IS NOT NULL;

-- A row of a folded list: the messages of one burst that are done, or those that are not.
CREATE TABLE piles (
    burst  INTEGER NOT NULL,
    done   INTEGER NOT NULL,
    feed   TEXT NOT NULL,
    newest INTEGER NOT NULL,                -- the message that stands for it
    count  INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    pinned INTEGER NOT NULL,
    actors INTEGER NOT NULL,                -- different ones
    PRIMARY KEY (burst, done)
) STRICT, WITHOUT ROWID;

CREATE INDEX piles_by_newest ON piles (done, newest);
CREATE INDEX piles_by_feed ON piles (done, feed, newest);
CREATE INDEX piles_unread ON piles (done, newest, feed) WHERE unread > 0;
CREATE INDEX piles_pinned ON piles (done, newest, feed) WHERE pinned > 0;

-- Counts, so that nobody counts a million rows.
CREATE TABLE tallies (
    feed     TEXT NOT NULL,
    done     INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    unread   INTEGER NOT NULL,
    pinned   INTEGER NOT NULL,
    piles    INTEGER NOT NULL,
    PRIMARY KEY (feed, done)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER piles_added AFTER INSERT ON piles BEGIN
    INSERT INTO tallies VALUES (NEW.feed, NEW.done, 0, 0, 0, 1)
        ON CONFLICT (feed, done) DO UPDATE SET piles = piles + 1;
END;
CREATE TRIGGER piles_gone AFTER DELETE ON piles BEGIN
    UPDATE tallies SET piles = piles - 1 WHERE feed = OLD.feed AND done = OLD.done;
END;

CREATE TRIGGER facts_added AFTER INSERT ON facts WHEN NEW.deleted IS NULL BEGIN
    INSERT INTO piles VALUES (NEW.burst, NEW.done, NEW.feed, NEW.id, 1, NEW.unread, NEW.pinned,
            NEW.actor IS NOT NULL)
        ON CONFLICT (burst, done) DO UPDATE SET newest = max(newest, NEW.id), count = count + 1,
            unread = unread + NEW.unread, pinned = pinned + NEW.pinned,
            actors = actors + (NEW.actor IS NOT NULL AND NOT EXISTS (SELECT 1 FROM facts
                WHERE burst = NEW.burst AND actor = NEW.actor AND done = NEW.done
                    AND deleted IS NULL AND id <> NEW.id));
    INSERT INTO tallies VALUES (NEW.feed, NEW.done, 1, NEW.unread, NEW.pinned, 0)
        ON CONFLICT (feed, done) DO UPDATE SET messages = messages + 1,
            unread = unread + NEW.unread, pinned = pinned + NEW.pinned;
END;

-- Only whether it is unread or pinned changed.
CREATE TRIGGER facts_noted AFTER UPDATE OF unread, pinned ON facts
    WHEN OLD.deleted IS NULL AND NEW.deleted IS NULL AND OLD.burst = NEW.burst
        AND OLD.done = NEW.done AND OLD.actor IS NEW.actor
        AND (OLD.unread <> NEW.unread OR OLD.pinned <> NEW.pinned)
BEGIN
    UPDATE piles SET unread = unread + NEW.unread - OLD.unread,
        pinned = pinned + NEW.pinned - OLD.pinned WHERE burst = NEW.burst AND done = NEW.done;
    UPDATE tallies SET unread = unread + NEW.unread - OLD.unread,
        pinned = pinned + NEW.pinned - OLD.pinned WHERE feed = NEW.feed AND done = NEW.done;
END;

-- It left its pile, or came to another. One that was deleted is in none.
CREATE TRIGGER facts_moved AFTER UPDATE OF burst, actor, done, deleted ON facts
    WHEN OLD.burst <> NEW.burst OR OLD.done <> NEW.done OR OLD.actor IS NOT NEW.actor
        OR (OLD.deleted IS NULL) <> (NEW.deleted IS NULL)
BEGIN
    UPDATE piles SET count = count - 1, unread = unread - OLD.unread, pinned = pinned - OLD.pinned,
        newest = CASE WHEN newest = OLD.id THEN coalesce((SELECT max(id) FROM facts
            WHERE burst = OLD.burst AND done = OLD.done AND deleted IS NULL), 0) ELSE newest END,
        actors = actors - (OLD.actor IS NOT NULL AND NOT EXISTS (SELECT 1 FROM facts
            WHERE burst = OLD.burst AND actor = OLD.actor AND done = OLD.done
                AND deleted IS NULL AND id <> OLD.id))
        WHERE burst = OLD.burst AND done = OLD.done AND OLD.deleted IS NULL;
    DELETE FROM piles WHERE burst = OLD.burst AND done = OLD.done AND count = 0;
    UPDATE tallies SET messages = messages - 1, unread = unread - OLD.unread,
        pinned = pinned - OLD.pinned
        WHERE feed = OLD.feed AND done = OLD.done AND OLD.deleted IS NULL;
    INSERT INTO piles SELECT NEW.burst, NEW.done, NEW.feed, NEW.id, 1, NEW.unread, NEW.pinned,
            NEW.actor IS NOT NULL WHERE NEW.deleted IS NULL
        ON CONFLICT (burst, done) DO UPDATE SET newest = max(newest, NEW.id), count = count + 1,
            unread = unread + NEW.unread, pinned = pinned + NEW.pinned,
            actors = actors + (NEW.actor IS NOT NULL AND NOT EXISTS (SELECT 1 FROM facts
                WHERE burst = NEW.burst AND actor = NEW.actor AND done = NEW.done
                    AND deleted IS NULL AND id <> NEW.id));
    INSERT INTO tallies SELECT NEW.feed, NEW.done, 1, NEW.unread, NEW.pinned, 0
            WHERE NEW.deleted IS NULL
        ON CONFLICT (feed, done) DO UPDATE SET messages = messages + 1,
            unread = unread + NEW.unread, pinned = pinned + NEW.pinned;
END;

CREATE TRIGGER facts_gone AFTER DELETE ON facts WHEN OLD.deleted IS NULL BEGIN
    UPDATE piles SET count = count - 1, unread = unread - OLD.unread, pinned = pinned - OLD.pinned,
        newest = CASE WHEN newest = OLD.id THEN coalesce((SELECT max(id) FROM facts
            WHERE burst = OLD.burst AND done = OLD.done AND deleted IS NULL), 0) ELSE newest END,
        actors = actors - (OLD.actor IS NOT NULL AND NOT EXISTS (SELECT 1 FROM facts
            WHERE burst = OLD.burst AND actor = OLD.actor AND done = OLD.done
                AND deleted IS NULL))
        WHERE burst = OLD.burst AND done = OLD.done;
    DELETE FROM piles WHERE burst = OLD.burst AND done = OLD.done AND count = 0;
    UPDATE tallies SET messages = messages - 1, unread = unread - OLD.unread,
        pinned = pinned - OLD.pinned WHERE feed = OLD.feed AND done = OLD.done;
END;

INSERT INTO facts (id, feed, event, urgency, received, burst, unread, pinned, deleted, announced,
        silent, read_at, shown_at)
    SELECT id, feed, event, urgency, received, id, unread, pinned, deleted, announced,
        silenced IS NOT NULL, read_at, shown_at
    FROM messages_2 ORDER BY id;
DROP TABLE messages_2;

CREATE INDEX messages_by_group ON messages (feed, grouped, id) WHERE grouped IS NOT NULL;
CREATE INDEX messages_by_thread ON messages (feed, thread) WHERE thread IS NOT NULL;

-- Words as `inbox/words.rs` makes them, and what a message is filtered by. Filled by the program.
DROP TABLE words;
CREATE VIRTUAL TABLE words USING fts5 (
    title, body, facts, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2 3'
);
