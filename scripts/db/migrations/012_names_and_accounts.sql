-- 012_names_and_accounts.sql
-- Names that are held without being anybody's address now, accounts with their proofs, and browser sessions by person.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '012_names_and_accounts.sql') THEN RETURN; END IF;

  ALTER TABLE aura_id_registry DROP CONSTRAINT aura_id_registry_state_check;
  ALTER TABLE aura_id_registry ADD CONSTRAINT aura_id_registry_state_check
    CHECK (state IN ('reserved', 'active', 'suspended', 'released', 'erased'));
  ALTER TABLE aura_id_registry ADD COLUMN renamed_at timestamptz, ADD COLUMN ended_at timestamptz;
  COMMENT ON COLUMN aura_id_registry.state IS 'reserved until the Matrix account exists, then active; suspended by an operator; released or erased by her: the row then bears a made-up address and her name is in aura_id_holds';
  COMMENT ON COLUMN aura_id_registry.renamed_at IS 'When she last changed her address';
  COMMENT ON COLUMN aura_id_registry.ended_at IS 'When she released her name or was erased';

  CREATE TABLE aura_id_holds (
    hold_id uuid PRIMARY KEY,
    skeleton text NOT NULL,
    aura_id text UNIQUE,
    person_id uuid REFERENCES aura_id_registry ON DELETE SET NULL,
    cause text NOT NULL CHECK (cause IN ('renamed', 'released', 'erased')),
    resolves_until timestamptz NOT NULL,
    held_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (held_until >= resolves_until),
    CHECK (cause = 'erased' OR aura_id IS NOT NULL)
  );
  CREATE INDEX aura_id_holds_skeleton_idx ON aura_id_holds (skeleton);
  CREATE INDEX aura_id_holds_person_idx ON aura_id_holds (person_id);
  CREATE INDEX aura_id_holds_until_idx ON aura_id_holds (held_until);
  COMMENT ON TABLE aura_id_holds IS 'Names that were somebody''s and that nobody else gets yet: first an alias of hers, then at rest';
  COMMENT ON COLUMN aura_id_holds.hold_id IS 'UUIDv7';
  COMMENT ON COLUMN aura_id_holds.skeleton IS 'The handle with look-alike characters folded: look-alikes rest with it';
  COMMENT ON COLUMN aura_id_holds.aura_id IS 'The address; null once its person was erased';
  COMMENT ON COLUMN aura_id_holds.person_id IS 'Whose it was; null once she was erased';
  COMMENT ON COLUMN aura_id_holds.cause IS 'renamed: it goes on to ring her as an alias; released; erased';
  COMMENT ON COLUMN aura_id_holds.resolves_until IS 'Until then it leads to her (renamed) or she alone may take it back (renamed, released)';
  COMMENT ON COLUMN aura_id_holds.held_until IS 'Until then nobody else may claim it';
  COMMENT ON COLUMN aura_id_holds.created_at IS 'When it ceased to be her address';

  -- A claim that waited for a rename to commit sees its hold only here, after the unique indexes have let it pass.
  CREATE FUNCTION aura_id_respect_holds() RETURNS trigger LANGUAGE plpgsql AS $guard$
  BEGIN
    IF EXISTS (SELECT FROM aura_id_holds h WHERE h.skeleton = NEW.skeleton AND h.held_until > now()
               AND h.person_id IS DISTINCT FROM NEW.person_id) THEN
      RAISE EXCEPTION 'this name is at rest'
        USING ERRCODE = 'unique_violation', CONSTRAINT = 'aura_id_holds_respected', TABLE = 'aura_id_holds';
    END IF;
    RETURN NULL;
  END
  $guard$;
  CREATE TRIGGER aura_id_registry_respect_holds AFTER INSERT OR UPDATE OF skeleton ON aura_id_registry
    FOR EACH ROW EXECUTE FUNCTION aura_id_respect_holds();
  COMMENT ON FUNCTION aura_id_respect_holds() IS 'Refuses a name whose skeleton another person''s hold covers, as a unique violation';

  ALTER TABLE matrix_user_mappings DROP CONSTRAINT matrix_user_mappings_attached_by_check;
  ALTER TABLE matrix_user_mappings ADD CONSTRAINT matrix_user_mappings_attached_by_check
    CHECK (attached_by IN ('provisioned', 'sign_in', 'openid'));
  COMMENT ON COLUMN matrix_user_mappings.attached_by IS 'provisioned: we made it; sign_in: she proved it by its password; openid: by a Matrix OpenID token';

  CREATE INDEX oidc_documents_account_idx ON oidc_documents ((payload ->> 'accountId')) WHERE model = 'Session';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('012_names_and_accounts.sql', 'sha256:b4f1b221d0b9935893067f2e306d0a955c96600c382e65cc79ba0bd9b43db457');
END
$migration$;
