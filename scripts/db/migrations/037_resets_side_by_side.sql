-- 037_resets_side_by_side.sql
-- Codes for a new password live side by side: whoever asks for one in somebody's name voids none that she was sent.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '037_resets_side_by_side.sql') THEN RETURN; END IF;

  DROP INDEX verification_challenges_live_idx;
  CREATE UNIQUE INDEX verification_challenges_live_idx ON verification_challenges (verification_id)
    WHERE ended_at IS NULL AND purpose = 'proof';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('037_resets_side_by_side.sql', 'sha256:b1bdc4e45ac6229c1b1589c05b53aa8438615b30d8718c9c147c6c2cca7346ce');
END
$migration$;
