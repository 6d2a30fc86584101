-- 028_invites_by_sender.sql
-- An index for taking somebody's invitations away with her.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '028_invites_by_sender.sql') THEN RETURN; END IF;

  CREATE INDEX identity_invites_sender_idx ON identity_invites (sender);

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('028_invites_by_sender.sql', 'sha256:9c3ed76a6e84aded0a132ea1536c247f656241e6abb6877bd1f5921aa610d249');
END
$migration$;
