-- 011_rate_limits.sql
-- Counters that every service process shares: guesses at passwords, registrations, look-ups.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '011_rate_limits.sql') THEN RETURN; END IF;

  -- Unlogged: a crash of PostgreSQL may forget the counts, and writing them costs no WAL.
  CREATE UNLOGGED TABLE rate_limits (
    key text PRIMARY KEY,
    hits integer NOT NULL,
    window_ends_at timestamptz NOT NULL
  ) WITH (fillfactor = 70);
  CREATE INDEX rate_limits_window_idx ON rate_limits (window_ends_at);
  COMMENT ON TABLE rate_limits IS 'How often something was done in its current window';
  COMMENT ON COLUMN rate_limits.key IS 'What is counted, for whom: kind, address, digest of the account';
  COMMENT ON COLUMN rate_limits.hits IS 'Count in this window';
  COMMENT ON COLUMN rate_limits.window_ends_at IS 'When the count starts anew';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('011_rate_limits.sql', 'sha256:aa37ccdfd79c45fbaade9ff59a559b230cf126c57a3f4b8b5e47619815f03c4b');
END
$migration$;
