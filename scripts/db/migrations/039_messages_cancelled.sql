-- 039_messages_cancelled.sql
-- Messages whose code is void before they are sent are cancelled.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '039_messages_cancelled.sql') THEN RETURN; END IF;

  ALTER TABLE outgoing_messages DROP CONSTRAINT outgoing_messages_state_check;
  ALTER TABLE outgoing_messages ADD CONSTRAINT outgoing_messages_state_check
    CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'refused', 'expired', 'failed', 'cancelled'));
  COMMENT ON COLUMN outgoing_messages.state IS 'queued, sending (a process has it in hand until run_at), sent, delivered, refused, expired, failed, cancelled (its code was void before anybody took it)';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('039_messages_cancelled.sql', 'sha256:3ff1f89db3670a6a055747758acd45e9ae62ab7b3c4f43f363fe60767c5238ab');
END
$migration$;
