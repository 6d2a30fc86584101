-- 033_pictures_seen.sql
-- Which pictures the reviewer who has a document has opened: nothing is approved unseen.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '033_pictures_seen.sql') THEN RETURN; END IF;

  ALTER TABLE identity_documents ADD COLUMN seen_sides text[] NOT NULL DEFAULT '{}';
  COMMENT ON COLUMN identity_documents.seen_sides IS 'Pictures that the reviewer who has it now has opened';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('033_pictures_seen.sql', 'sha256:06bd6fa13f9fc87a40bee3382afda876432b5dd4dfe5a20858cbd3a92e05f13b');
END
$migration$;
