-- 036_calls_of_slow_clocks.sql
-- Calls whose server's clock is slow are told of, too: a second cursor follows behind the first.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '036_calls_of_slow_clocks.sql') THEN RETURN; END IF;

  ALTER TABLE dashboard_calls_cursor DROP CONSTRAINT dashboard_calls_cursor_what_check;
  ALTER TABLE dashboard_calls_cursor ADD CONSTRAINT dashboard_calls_cursor_what_check
    CHECK (what IN ('call.ended', 'call.late'));
  INSERT INTO dashboard_calls_cursor (what, after_call_id)
    SELECT 'call.late', after_call_id FROM dashboard_calls_cursor WHERE what = 'call.ended';
  COMMENT ON TABLE dashboard_calls_cursor IS 'How far calls have been looked through for call.ended; two rows';
  COMMENT ON COLUMN dashboard_calls_cursor.what IS 'call.ended, or call.late: a quarter of an hour behind, for calls of slow clocks';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('036_calls_of_slow_clocks.sql', 'sha256:cee94d0d3fe93a75af806bb6228569c29ab049abbd1fb8db4ab671c704bd0e6d');
END
$migration$;
