-- 017_matrix_profiles.sql
-- What was written into a Matrix account's profile, so that a picture is uploaded once and all of it can be taken back,
-- and indexes for statements that take or tell everything of a person.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '017_matrix_profiles.sql') THEN RETURN; END IF;

  ALTER TABLE matrix_user_mappings ADD COLUMN shown_name text, ADD COLUMN shown_picture_url text,
    ADD COLUMN shown_picture_digest bytea;
  COMMENT ON COLUMN matrix_user_mappings.shown_name IS 'Display name that we wrote into its Matrix profile; null where we wrote none';
  COMMENT ON COLUMN matrix_user_mappings.shown_picture_url IS 'mxc: URL of the picture that we wrote there; null where we wrote none, and once it is not shown any more';
  COMMENT ON COLUMN matrix_user_mappings.shown_picture_digest IS 'SHA-256 of that picture, so that the same one is not uploaded again';

  DROP INDEX friend_requests_to_idx;
  CREATE INDEX friend_requests_to_idx ON friend_requests (to_person_id, state);
  CREATE INDEX endpoints_person_idx ON endpoints (person_id);

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('017_matrix_profiles.sql', 'sha256:a525f9d249f12075512c5fa8c3535f17c59bcef458e7dea0af309611757f7a04');
END
$migration$;
