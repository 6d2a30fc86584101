-- 020_taken_back_from_matrix.sql
-- Whoever gave her name back before this version still shows at Matrix what we wrote there: it is taken back now, as
-- every release does by itself from here on (ADR 22).
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '020_taken_back_from_matrix.sql') THEN RETURN; END IF;

  WITH released AS (
    SELECT m.matrix_user_id, m.shown_name, m.shown_picture_url
    FROM matrix_user_mappings m JOIN aura_id_registry r USING (person_id)
    WHERE r.state = 'released' AND (m.shown_name IS NOT NULL OR m.shown_picture_url IS NOT NULL)
    FOR UPDATE OF m
  ), forgotten AS (
    UPDATE matrix_user_mappings m SET shown_name = NULL, shown_picture_url = NULL, shown_picture_digest = NULL
    FROM released WHERE m.matrix_user_id = released.matrix_user_id
  )
  INSERT INTO outbox_events (event_id, topic, payload)
  SELECT gen_random_uuid(), 'identity.matrix_profile_left', jsonb_build_object(
    'userId', matrix_user_id, 'displayName', shown_name, 'avatarUrl', shown_picture_url)
  FROM released;

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('020_taken_back_from_matrix.sql', 'sha256:2aa4ebfb2c6b474317c85ad426a9b9fcde2d7cbed93ba3c5f364533f4d1959cd');
END
$migration$;
