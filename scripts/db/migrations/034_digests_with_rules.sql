-- 034_digests_with_rules.sql
-- A look-up of a person's address asks the digest's row and her relation to the asker, and nothing else: the row says
-- itself who finds her, and changes with her rules, her state and her primary account in the same transaction.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '034_digests_with_rules.sql') THEN RETURN; END IF;

  CREATE FUNCTION identity_needed(state text, profile audience, rule audience) RETURNS smallint
  LANGUAGE sql IMMUTABLE AS $needed$
    SELECT (CASE WHEN state <> 'active' THEN 4 WHEN rule = 'private' THEN 3
      WHEN rule = 'friends' OR profile = 'private' THEN 2 ELSE 1 END)::smallint
  $needed$;
  COMMENT ON FUNCTION identity_needed(text, audience, audience) IS 'Who finds somebody by an address: 1 whoever asks, 2 her friends, 3 only she herself, 4 nobody';

  ALTER TABLE identity_digests ADD COLUMN needed smallint CHECK (needed BETWEEN 1 AND 4);
  COMMENT ON COLUMN identity_digests.needed IS 'Of a person''s address: who finds her by it (identity_needed); what an account bound is asked for by its person''s rules';
  DELETE FROM identity_digests d WHERE d.field_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM matrix_user_mappings m WHERE m.matrix_user_id = d.matrix_user_id AND m.person_id = d.person_id
      AND m.is_primary AND m.state = 'active');
  UPDATE identity_digests d
  SET needed = identity_needed(r.state, r.visibility, CASE d.medium WHEN 'email' THEN p.find_by_email ELSE p.find_by_phone END)
  FROM aura_id_registry r JOIN person_privacy p USING (person_id)
  WHERE d.field_id IS NOT NULL AND r.person_id = d.person_id;
  ALTER TABLE identity_digests ADD CONSTRAINT identity_digests_rules_check
    CHECK ((needed IS NOT NULL) = (field_id IS NOT NULL));

  -- Whoever changes one of these rows has locked the person's row in the registry before: no change is based on another
  -- one's past.
  CREATE FUNCTION identity_rules_changed() RETURNS trigger LANGUAGE plpgsql AS $rules$
  BEGIN
    UPDATE identity_digests d
    SET needed = identity_needed(r.state, r.visibility, CASE d.medium WHEN 'email' THEN p.find_by_email ELSE p.find_by_phone END)
    FROM personal_fields f JOIN aura_id_registry r USING (person_id) JOIN person_privacy p USING (person_id)
    WHERE f.person_id = NEW.person_id AND d.field_id = f.field_id;
    RETURN NULL;
  END
  $rules$;
  COMMENT ON FUNCTION identity_rules_changed() IS 'Who finds her by her addresses follows her rules and her state at once';
  CREATE TRIGGER aura_id_registry_findable AFTER UPDATE OF state, visibility ON aura_id_registry
    FOR EACH ROW WHEN ((OLD.state, OLD.visibility) IS DISTINCT FROM (NEW.state, NEW.visibility))
    EXECUTE FUNCTION identity_rules_changed();
  CREATE TRIGGER person_privacy_findable AFTER UPDATE OF find_by_email, find_by_phone ON person_privacy
    FOR EACH ROW WHEN ((OLD.find_by_email, OLD.find_by_phone) IS DISTINCT FROM (NEW.find_by_email, NEW.find_by_phone))
    EXECUTE FUNCTION identity_rules_changed();

  CREATE FUNCTION identity_account_gone() RETURNS trigger LANGUAGE plpgsql AS $gone$
  BEGIN
    DELETE FROM identity_digests d USING personal_fields f
    WHERE f.person_id = OLD.person_id AND d.field_id = f.field_id AND d.matrix_user_id = OLD.matrix_user_id;
    RETURN NULL;
  END
  $gone$;
  COMMENT ON FUNCTION identity_account_gone() IS 'Nobody is found under an account that is not her primary one any more; digests of the next one are made after the commit';
  CREATE TRIGGER matrix_user_mappings_gone AFTER UPDATE OF is_primary, state, person_id ON matrix_user_mappings
    FOR EACH ROW WHEN (OLD.is_primary AND OLD.state = 'active'
      AND (OLD.is_primary, OLD.state, OLD.person_id) IS DISTINCT FROM (NEW.is_primary, NEW.state, NEW.person_id))
    EXECUTE FUNCTION identity_account_gone();
  CREATE TRIGGER matrix_user_mappings_gone_with_row AFTER DELETE ON matrix_user_mappings
    FOR EACH ROW WHEN (OLD.is_primary AND OLD.state = 'active') EXECUTE FUNCTION identity_account_gone();

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('034_digests_with_rules.sql', 'sha256:5eaa9dff2258d040900d5ef9f2d47959dbbc3eff1f9519c483155a3d08e6799f');
END
$migration$;
