-- 040_reminders_again.sql
-- A reminder that could not be sent is tried again; documents are reminded of, too.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '040_reminders_again.sql') THEN RETURN; END IF;

  ALTER TABLE aura_id_verifications ADD COLUMN remind_after timestamptz;
  COMMENT ON COLUMN aura_id_verifications.remind_after IS 'A reminder could not be sent, and is not tried again before';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('040_reminders_again.sql', 'sha256:1121a961abf403b7bfd8561d8e6caa5f39b0aff4826cd0874c30c1c841fa7f66');
END
$migration$;
