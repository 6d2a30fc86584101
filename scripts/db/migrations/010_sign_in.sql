-- 010_sign_in.sql
-- Sign in with AuraLink: the OpenID Connect provider's documents, one-time codes, used service tokens.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '010_sign_in.sql') THEN RETURN; END IF;

  CREATE TABLE oidc_documents (
    model text NOT NULL,
    id text NOT NULL,
    grant_id text,
    uid text,
    user_code text,
    payload jsonb NOT NULL,
    consumed_at timestamptz,
    expires_at timestamptz,
    PRIMARY KEY (model, id)
  );
  CREATE INDEX oidc_documents_grant_idx ON oidc_documents (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX oidc_documents_uid_idx ON oidc_documents (uid) WHERE uid IS NOT NULL;
  CREATE INDEX oidc_documents_expires_idx ON oidc_documents (expires_at) WHERE expires_at IS NOT NULL;
  COMMENT ON TABLE oidc_documents IS 'Sessions, grants, codes and refresh tokens of the OpenID Connect provider';
  COMMENT ON COLUMN oidc_documents.model IS 'Kind of document, as the provider names it';
  COMMENT ON COLUMN oidc_documents.id IS 'Its id';
  COMMENT ON COLUMN oidc_documents.grant_id IS 'The grant that it belongs to; revoking the grant deletes it';
  COMMENT ON COLUMN oidc_documents.uid IS 'Second key of sessions';
  COMMENT ON COLUMN oidc_documents.user_code IS 'Second key of device codes';
  COMMENT ON COLUMN oidc_documents.payload IS 'The document';
  COMMENT ON COLUMN oidc_documents.consumed_at IS 'When a one-time document was used; a second use revokes the grant';
  COMMENT ON COLUMN oidc_documents.expires_at IS 'After this it is as if absent';

  CREATE TABLE sign_in_codes (
    code_hash bytea PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
  );
  CREATE INDEX sign_in_codes_person_idx ON sign_in_codes (person_id);
  COMMENT ON TABLE sign_in_codes IS 'One-time codes with which a new person signs in and chooses her password';
  COMMENT ON COLUMN sign_in_codes.code_hash IS 'SHA-256 of the code (128 random bits)';
  COMMENT ON COLUMN sign_in_codes.person_id IS 'Whom it lets in';
  COMMENT ON COLUMN sign_in_codes.created_at IS 'When it was made';
  COMMENT ON COLUMN sign_in_codes.expires_at IS 'When it lapses';
  COMMENT ON COLUMN sign_in_codes.used_at IS 'When it was used';

  CREATE TABLE service_token_uses (
    issuer text NOT NULL,
    token_id text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, token_id)
  );
  CREATE INDEX service_token_uses_expires_idx ON service_token_uses (expires_at);
  COMMENT ON TABLE service_token_uses IS 'Dashboard tokens that wrote something: each may do so once';
  COMMENT ON COLUMN service_token_uses.issuer IS 'iss of the token';
  COMMENT ON COLUMN service_token_uses.token_id IS 'jti of the token';
  COMMENT ON COLUMN service_token_uses.expires_at IS 'When the row may go';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('010_sign_in.sql', 'sha256:f643f051031c3463f75159d6f6e877305b19427fcf26bdc3964eaeeee6caa95a');
END
$migration$;
