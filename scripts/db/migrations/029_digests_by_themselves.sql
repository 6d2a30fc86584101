-- 029_digests_by_themselves.sql
-- A look-up asks the digest's row, the account and the person's rules, and no other table: the row says itself whose
-- address it is.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '029_digests_by_themselves.sql') THEN RETURN; END IF;

  ALTER TABLE identity_digests DROP CONSTRAINT identity_digests_check1;
  ALTER TABLE identity_digests ADD COLUMN medium text CHECK (medium IN ('email', 'msisdn'));
  ALTER TABLE identity_digests ADD COLUMN person_id uuid;
  UPDATE identity_digests d SET medium = a.medium FROM identity_associations a WHERE a.association_id = d.association_id;
  DELETE FROM identity_digests d USING personal_fields f
  WHERE f.field_id = d.field_id AND f.verified_at IS DISTINCT FROM d.proved_at;
  UPDATE identity_digests d
  SET medium = CASE f.kind WHEN 'phone' THEN 'msisdn' ELSE f.kind END, person_id = f.person_id,
      matrix_user_id = m.matrix_user_id
  FROM personal_fields f JOIN matrix_user_mappings m ON m.person_id = f.person_id AND m.is_primary AND m.state = 'active'
  WHERE f.field_id = d.field_id;
  DELETE FROM identity_digests WHERE invite_id IS NULL AND matrix_user_id IS NULL;
  ALTER TABLE identity_digests ADD CONSTRAINT identity_digests_found_check
    CHECK (num_nonnulls(matrix_user_id, medium) = CASE WHEN invite_id IS NULL THEN 2 ELSE 0 END);
  ALTER TABLE identity_digests ADD CONSTRAINT identity_digests_person_check
    CHECK ((person_id IS NOT NULL) = (field_id IS NOT NULL));
  COMMENT ON COLUMN identity_digests.matrix_user_id IS 'Whom a look-up finds: who bound the address, or the primary account of whose it is; a field''s row counts only while it is';
  COMMENT ON COLUMN identity_digests.medium IS 'email or msisdn; null for an invited address';
  COMMENT ON COLUMN identity_digests.person_id IS 'Whose proved address it is';
  COMMENT ON COLUMN identity_digests.proved_at IS 'When it was proved; a field''s row goes when that changes';

  CREATE FUNCTION identity_field_changed() RETURNS trigger LANGUAGE plpgsql AS $changed$
  BEGIN
    DELETE FROM identity_digests WHERE field_id = NEW.field_id;
    RETURN NULL;
  END
  $changed$;
  COMMENT ON FUNCTION identity_field_changed() IS 'What was proved at another time, or is not any more, is not found by its old digests';
  -- By name before personal_fields_proved, which has them made anew.
  CREATE TRIGGER personal_fields_changed AFTER UPDATE OF verified_at ON personal_fields
    FOR EACH ROW WHEN (OLD.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at)
    EXECUTE FUNCTION identity_field_changed();

  CREATE FUNCTION identity_account_changed() RETURNS trigger LANGUAGE plpgsql AS $account$
  BEGIN
    INSERT INTO outbox_events (event_id, topic, payload)
    SELECT gen_random_uuid(), 'identity_service.index', jsonb_build_object('fieldId', field_id)
    FROM personal_fields
    WHERE person_id = NEW.person_id AND verified_at IS NOT NULL AND kind IN ('email', 'phone');
    RETURN NULL;
  END
  $account$;
  COMMENT ON FUNCTION identity_account_changed() IS 'Digests name the account that a look-up finds: they are made anew when it is another';
  CREATE TRIGGER matrix_user_mappings_primary AFTER UPDATE OF is_primary, state, person_id ON matrix_user_mappings
    FOR EACH ROW WHEN (NEW.is_primary AND NEW.state = 'active'
      AND (OLD.is_primary, OLD.state, OLD.person_id) IS DISTINCT FROM (NEW.is_primary, NEW.state, NEW.person_id))
    EXECUTE FUNCTION identity_account_changed();
  CREATE TRIGGER matrix_user_mappings_primary_new AFTER INSERT ON matrix_user_mappings
    FOR EACH ROW WHEN (NEW.is_primary AND NEW.state = 'active') EXECUTE FUNCTION identity_account_changed();

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('029_digests_by_themselves.sql', 'sha256:dcabe0c490ff3605ef7d1e8b705e4e619e69fbae9fa1f7e33aae95eea3908f82');
END
$migration$;
