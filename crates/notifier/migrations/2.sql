-- A message may be a version of something: the next version replaces it in its row.

ALTER TABLE messages ADD COLUMN thread BLOB;
CREATE INDEX messages_by_thread ON messages (feed, thread)
    WHERE thread IS NOT NULL AND deleted IS NULL;
