-- 035_messages_bounded.sql
-- Codes that nobody submits are watched for each country and over all, too; what has expired is found whatever its channel.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '035_messages_bounded.sql') THEN RETURN; END IF;

  ALTER TABLE outgoing_messages ADD COLUMN country_digest bytea;
  COMMENT ON COLUMN outgoing_messages.country_digest IS 'Keyed digest of a number''s country code, for finding countries whose codes nobody submits';
  CREATE INDEX outgoing_messages_country_idx ON outgoing_messages (country_digest, expires_at) WHERE country_digest IS NOT NULL;
  CREATE INDEX outgoing_messages_sms_idx ON outgoing_messages (expires_at) WHERE prefix_digest IS NOT NULL;
  CREATE INDEX outgoing_messages_open_idx ON outgoing_messages (expires_at) WHERE state IN ('queued', 'sending');

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('035_messages_bounded.sql', 'sha256:52fa1b0ca0f493b309604d166007b3a0d5e017712fe91cc65c733ffe5e32cf21');
END
$migration$;
