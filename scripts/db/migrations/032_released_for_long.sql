-- 032_released_for_long.sql
-- Who gave her name back long ago is found without walking over everybody.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '032_released_for_long.sql') THEN RETURN; END IF;

  CREATE INDEX aura_id_registry_released_idx ON aura_id_registry (ended_at) WHERE state = 'released';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('032_released_for_long.sql', 'sha256:1462dd9bf5e683db6b27aba1e7e7e81ce68ab645cfe1ec0b540f5c08d5b30e68');
END
$migration$;
