-- 015_finding_people.sql
-- Finding people by an e-mail address or number that they proved; wrapping data keys and digests anew, page by page.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '015_finding_people.sql') THEN RETURN; END IF;

  ALTER TABLE personal_fields ADD COLUMN verified_at timestamptz;
  COMMENT ON COLUMN personal_fields.verified_at IS 'When she proved that it is hers; null: anybody may have typed it, so nobody is found by it';
  CREATE INDEX personal_fields_found_idx ON personal_fields (blind_index) WHERE verified_at IS NOT NULL AND blind_index IS NOT NULL;
  DROP INDEX personal_fields_blind_idx;
  DROP INDEX personal_fields_index_key_idx;
  CREATE INDEX personal_fields_index_key_idx ON personal_fields (index_key_id, field_id) WHERE index_key_id IS NOT NULL;
  CREATE INDEX personal_fields_unindexed_idx ON personal_fields (field_id) WHERE index_key_id IS NULL AND kind IN ('email', 'phone');

  DROP INDEX person_keys_ring_idx;
  CREATE INDEX person_keys_ring_idx ON person_keys (ring_key_id, person_id);

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('015_finding_people.sql', 'sha256:0c5e94de617a1c90451864b546b8d6d8347e60f63d1cd0c63ac5df3ac918bccc');
END
$migration$;
