-- 018_cheap_steps.sql
-- Makes a call's steps cheap to write. What still goes on stands in a small table of its own, so that the rows of a call
-- and of its invitation keep their indexed columns from the first ring to the end and each step of theirs is a heap-only
-- update (PostgreSQL, "Heap-Only Tuples"). Sets of values are domains: a table's CHECK is parsed anew by every statement that writes it, a domain's
-- once a session. Checks over several columns are gone with them: one statement writes those columns, all together.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '018_cheap_steps.sql') THEN RETURN; END IF;

  -- No call takes a step between what is read below and what is made of it. Processes of an earlier version, which do not
  -- know the new table, are stopped before.
  LOCK TABLE call_invitations, cross_app_calls, call_rings, endpoint_streams IN ACCESS EXCLUSIVE MODE;

  CREATE TABLE open_invitations (
    invitation_id uuid PRIMARY KEY,
    due_at timestamptz
  ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
  CREATE INDEX open_invitations_due_idx ON open_invitations (due_at) WHERE due_at IS NOT NULL;
  COMMENT ON TABLE open_invitations IS 'Invitations that ring or were answered and go on; a row is gone with the call''s end';
  COMMENT ON COLUMN open_invitations.invitation_id IS 'Which invitation; not checked by a key, since it comes and goes in the statements that write the invitation';
  COMMENT ON COLUMN open_invitations.due_at IS 'When it ends by itself: the ringing''s end, after the answer the media''s; null while nothing is awaited';

  INSERT INTO open_invitations (invitation_id, due_at)
  SELECT invitation_id, CASE WHEN state = 'ringing' THEN deadline_at ELSE media_deadline_at END
  FROM call_invitations WHERE state IN ('ringing', 'answered');

  CREATE DOMAIN call_media AS text CHECK (VALUE IN ('audio', 'video'));
  CREATE DOMAIN call_state AS text CHECK (VALUE IN ('ringing', 'active', 'ended'));
  CREATE DOMAIN invitation_state AS text CHECK (VALUE IN ('ringing', 'answered', 'ended', 'declined', 'cancelled', 'missed', 'failed'));
  CREATE DOMAIN ring_state AS text CHECK (VALUE IN ('waiting', 'sent', 'ringing', 'stopped'));
  CREATE DOMAIN idempotency_key AS text CHECK (length(VALUE) BETWEEN 1 AND 128);
  COMMENT ON DOMAIN call_media IS 'What a call carries';
  COMMENT ON DOMAIN call_state IS 'Where a call stands';
  COMMENT ON DOMAIN invitation_state IS 'Where a callee''s invitation stands';
  COMMENT ON DOMAIN ring_state IS 'Where one endpoint''s ringing stands';
  COMMENT ON DOMAIN idempotency_key IS 'What makes a request''s retry the same request';

  DROP INDEX call_invitations_deadline_idx, call_invitations_media_idx, call_invitations_ringing_idx, cross_app_calls_open_idx;
  ALTER TABLE cross_app_calls DROP CONSTRAINT cross_app_calls_media_check,
    DROP CONSTRAINT cross_app_calls_state_check, DROP CONSTRAINT cross_app_calls_idempotency_key_check,
    DROP CONSTRAINT cross_app_calls_check, DROP CONSTRAINT cross_app_calls_check1,
    ALTER COLUMN media TYPE call_media, ALTER COLUMN state TYPE call_state,
    ALTER COLUMN idempotency_key TYPE idempotency_key, SET (fillfactor = 60);
  ALTER TABLE call_invitations DROP CONSTRAINT call_invitations_state_check,
    DROP CONSTRAINT call_invitations_check, DROP CONSTRAINT call_invitations_check1,
    ALTER COLUMN state TYPE invitation_state, SET (fillfactor = 50);
  ALTER TABLE call_rings DROP CONSTRAINT call_rings_rank_check, DROP CONSTRAINT call_rings_state_check,
    DROP CONSTRAINT call_rings_check, ALTER COLUMN state TYPE ring_state;
  ALTER TABLE endpoint_streams DROP CONSTRAINT endpoint_streams_check;

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('018_cheap_steps.sql', 'sha256:4cf0530f7867dca8f2a7dab1d2287316bc153d2c566e079500d6887349d01ace');
END
$migration$;
