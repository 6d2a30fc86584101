-- 030_asked_as.sql
-- Under which address somebody asked, was asked, or was blocked: who is no friend of hers is not told the names that she
-- has later.
--
-- Runs by psql and by the service alike: one block, one lock, recorded with its checksum, harmless when repeated.
-- The checksum is the SHA-256 of this file with the sixty-four digits below replaced by zeros (`./aura check`
-- compares, `./aura check --fix` writes it).
DO $migration$
BEGIN
  PERFORM pg_advisory_xact_lock(4242008);
  CREATE TABLE IF NOT EXISTS schema_migrations (
    file text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  );
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '030_asked_as.sql') THEN RETURN; END IF;

  ALTER TABLE person_blocks ADD COLUMN blocked_as text;
  UPDATE person_blocks b SET blocked_as = r.aura_id FROM aura_id_registry r WHERE r.person_id = b.blocked_person_id;
  ALTER TABLE person_blocks ALTER COLUMN blocked_as SET NOT NULL;
  COMMENT ON COLUMN person_blocks.blocked_as IS 'The address by which she was blocked; by it the block is taken back';

  ALTER TABLE friend_requests ADD COLUMN asked_by text, ADD COLUMN asked_as text;
  UPDATE friend_requests q SET asked_by = f.aura_id, asked_as = t.aura_id
  FROM aura_id_registry f, aura_id_registry t WHERE f.person_id = q.from_person_id AND t.person_id = q.to_person_id;
  ALTER TABLE friend_requests ALTER COLUMN asked_by SET NOT NULL, ALTER COLUMN asked_as SET NOT NULL;
  COMMENT ON COLUMN friend_requests.asked_by IS 'The address of who asked, at that time';
  COMMENT ON COLUMN friend_requests.asked_as IS 'The address that was asked';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('030_asked_as.sql', 'sha256:d36d20ab79b14a4c6d64d8ba41d9fab32b1d0edd6ef96b209dadc92d1fa68a04');
END
$migration$;
