-- 031_reminders_due.sql
-- Whose proof lapses soon and who was not told yet is found without walking over those who were.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '031_reminders_due.sql') THEN RETURN; END IF;

  CREATE INDEX aura_id_verifications_reminder_idx ON aura_id_verifications (expires_at)
    WHERE state = 'verified' AND reminded_at IS NULL AND method IN ('email', 'phone');

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('031_reminders_due.sql', 'sha256:2e21476141da4558de5ce58d18c97c1af41030482208f6b29d7d972bb4cd0990');
END
$migration$;
