-- 038_apps_ended.sql
-- Apps are switched off by their owners, too, and deleted; whoever is signed in to one that is off is found quickly.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '038_apps_ended.sql') THEN RETURN; END IF;

  ALTER TABLE apps ADD COLUMN disabled_by text CHECK (disabled_by IN ('operator', 'owner')), ADD COLUMN deleted_at timestamptz;
  UPDATE apps SET disabled_by = 'operator' WHERE disabled_at IS NOT NULL;
  ALTER TABLE apps ADD CONSTRAINT apps_disabled_check CHECK ((disabled_at IS NULL) = (disabled_by IS NULL)),
    ADD CONSTRAINT apps_deleted_check CHECK (deleted_at IS NULL OR disabled_at IS NOT NULL);
  COMMENT ON COLUMN apps.disabled_at IS 'When it was switched off; null: it is on';
  COMMENT ON COLUMN apps.disabled_by IS 'Who switched it off; what the operator did, its owner cannot undo';
  COMMENT ON COLUMN apps.deleted_at IS 'When it was deleted: it stays as the name of calls that it placed, and its id is never given again';
  CREATE INDEX endpoints_app_idx ON endpoints (app_id) WHERE revoked_at IS NULL;

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('038_apps_ended.sql', 'sha256:31e432ba671b8d9ed778ca7542aa32c87eaa3ecde8434bfc6b543f0a888d6956');
END
$migration$;
