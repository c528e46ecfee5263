-- A message may be a version of something: the next version replaces it in its row.

ALTER TABLE messages ADD COLUMN thread BLOB;
CREATE INDEX messages_by_thread ON messages (feed, thread)
    WHERE thread IS NOT NULL AND deleted IS NULL;

-- When a version was made, as the event says: what comes late and is older changes nothing.
ALTER TABLE seen ADD COLUMN thread BLOB;
ALTER TABLE seen ADD COLUMN version REAL;
CREATE INDEX seen_by_thread ON seen (feed, thread) WHERE thread IS NOT NULL;

-- The connection on which the last whole answer to a poll came.
ALTER TABLE feeds ADD COLUMN polled INTEGER NOT NULL DEFAULT 0;
