-- 019_vacuum_of_calls.sql
-- When the tables that every call writes are vacuumed and analysed. Both make each connection plan every statement over
-- the table anew, for a second of processor time in all, and by the defaults they come once a minute under load. Heap-only
-- updates are cleaned up page by page as they are made, and every plan is made for its index, whatever the statistics say.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '019_vacuum_of_calls.sql') THEN RETURN; END IF;

  ALTER TABLE endpoint_streams SET (autovacuum_vacuum_threshold = 50000, autovacuum_analyze_threshold = 5000000);
  ALTER TABLE open_invitations SET (autovacuum_vacuum_threshold = 20000, autovacuum_analyze_threshold = 5000000);
  ALTER TABLE cross_app_calls SET (autovacuum_vacuum_threshold = 50000, autovacuum_vacuum_insert_threshold = 200000, autovacuum_analyze_threshold = 200000);
  ALTER TABLE call_invitations SET (autovacuum_vacuum_threshold = 50000, autovacuum_vacuum_insert_threshold = 200000, autovacuum_analyze_threshold = 200000);
  ALTER TABLE call_rings SET (autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = 200000, autovacuum_analyze_threshold = 400000);
  ALTER TABLE endpoint_events SET (autovacuum_vacuum_threshold = 200000, autovacuum_vacuum_insert_threshold = 1000000, autovacuum_analyze_threshold = 1000000);

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('019_vacuum_of_calls.sql', 'sha256:f86868c8d0a7caf7cfee45853360f00443b61e0ad68f0f7b7aca046027120397');
END
$migration$;
