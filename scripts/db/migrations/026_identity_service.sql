-- 026_identity_service.sql
-- The Matrix Identity Service API: tokens and terms of Matrix accounts, validations, associations of addresses with
-- accounts, invitations that wait for an address, and the digests by which addresses are looked up.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '026_identity_service.sql') THEN RETURN; END IF;

  CREATE TABLE identity_tokens (
    token_hash bytea PRIMARY KEY,
    matrix_user_id text NOT NULL CHECK (matrix_user_id ~ '^@[^:]*:.+$' AND octet_length(matrix_user_id) <= 255),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX identity_tokens_user_idx ON identity_tokens (matrix_user_id);
  CREATE INDEX identity_tokens_used_idx ON identity_tokens (used_at);
  COMMENT ON TABLE identity_tokens IS 'Access tokens of the Identity Service API, each got by an OpenID token of the account''s homeserver';
  COMMENT ON COLUMN identity_tokens.token_hash IS 'SHA-256 of the token (256 random bits)';
  COMMENT ON COLUMN identity_tokens.matrix_user_id IS 'Whose, of any homeserver';
  COMMENT ON COLUMN identity_tokens.created_at IS 'When it was given out';
  COMMENT ON COLUMN identity_tokens.used_at IS 'Last use, to the day; long unused ones are deleted';

  CREATE TABLE identity_terms_accepted (
    matrix_user_id text NOT NULL,
    url text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (matrix_user_id, url)
  );
  COMMENT ON TABLE identity_terms_accepted IS 'Which documents of the operator an account accepted';
  COMMENT ON COLUMN identity_terms_accepted.matrix_user_id IS 'Who';
  COMMENT ON COLUMN identity_terms_accepted.url IS 'Which document, with its version';
  COMMENT ON COLUMN identity_terms_accepted.accepted_at IS 'When';

  CREATE TABLE identity_data_keys (
    owner_id uuid PRIMARY KEY,
    data_key_id uuid NOT NULL UNIQUE,
    ring_key_id text NOT NULL CHECK (ring_key_id ~ '^[a-z0-9-]{1,32}$'),
    wrapped_key bytea NOT NULL,
    wrapped_at timestamptz NOT NULL DEFAULT now()
  );
  COMMENT ON TABLE identity_data_keys IS 'The data key that seals addresses of Matrix accounts, who need not be people here; one row';
  COMMENT ON COLUMN identity_data_keys.owner_id IS 'Nobody''s id: it seals for no one person';
  COMMENT ON COLUMN identity_data_keys.data_key_id IS 'Stands in every envelope that it sealed';
  COMMENT ON COLUMN identity_data_keys.ring_key_id IS 'Which key of the ring wrapped it';
  COMMENT ON COLUMN identity_data_keys.wrapped_key IS 'The data key, wrapped';
  COMMENT ON COLUMN identity_data_keys.wrapped_at IS 'When it was last wrapped anew';

  CREATE TABLE identity_sessions (
    session_id uuid PRIMARY KEY,
    matrix_user_id text NOT NULL,
    medium text NOT NULL CHECK (medium IN ('email', 'msisdn')),
    request_key bytea NOT NULL UNIQUE,
    secret_hash bytea NOT NULL,
    content_envelope bytea NOT NULL,
    send_attempt integer NOT NULL CHECK (send_attempt >= 0),
    token_hash bytea NOT NULL,
    token_expires_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    validated_at timestamptz
  );
  CREATE INDEX identity_sessions_user_idx ON identity_sessions (matrix_user_id);
  CREATE INDEX identity_sessions_created_idx ON identity_sessions (created_at);
  COMMENT ON TABLE identity_sessions IS 'Validations of addresses: a token is sent to the address and comes back; good for a day';
  COMMENT ON COLUMN identity_sessions.session_id IS 'The API''s sid';
  COMMENT ON COLUMN identity_sessions.matrix_user_id IS 'The account that asked, and alone may bind';
  COMMENT ON COLUMN identity_sessions.medium IS 'email or msisdn';
  COMMENT ON COLUMN identity_sessions.request_key IS 'Keyed digest of account, secret and address: a repeated request is the same session';
  COMMENT ON COLUMN identity_sessions.secret_hash IS 'Keyed digest of the client''s secret';
  COMMENT ON COLUMN identity_sessions.content_envelope IS 'Address and next_link, encrypted';
  COMMENT ON COLUMN identity_sessions.send_attempt IS 'Highest number that the client gave; a message leaves for higher ones only';
  COMMENT ON COLUMN identity_sessions.token_hash IS 'Keyed digest of the token that was sent last';
  COMMENT ON COLUMN identity_sessions.token_expires_at IS 'Until when that token counts';
  COMMENT ON COLUMN identity_sessions.tries IS 'Wrong tokens since the last one was sent';
  COMMENT ON COLUMN identity_sessions.created_at IS 'When it was asked for';
  COMMENT ON COLUMN identity_sessions.validated_at IS 'When the right token came back';

  CREATE TABLE identity_associations (
    association_id uuid PRIMARY KEY,
    matrix_user_id text NOT NULL,
    medium text NOT NULL CHECK (medium IN ('email', 'msisdn')),
    address_envelope bytea NOT NULL,
    validated_at timestamptz NOT NULL,
    bound_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX identity_associations_user_idx ON identity_associations (matrix_user_id);
  COMMENT ON TABLE identity_associations IS 'Addresses that Matrix accounts proved and bound; the newest proof of an address holds alone';
  COMMENT ON COLUMN identity_associations.association_id IS 'UUIDv7; bound into the encryption';
  COMMENT ON COLUMN identity_associations.matrix_user_id IS 'Whose, of any homeserver';
  COMMENT ON COLUMN identity_associations.medium IS 'email or msisdn';
  COMMENT ON COLUMN identity_associations.address_envelope IS 'The address in normal form, encrypted';
  COMMENT ON COLUMN identity_associations.validated_at IS 'When it was proved';
  COMMENT ON COLUMN identity_associations.bound_at IS 'When it was bound';

  CREATE TABLE identity_invites (
    invite_id uuid PRIMARY KEY,
    token text NOT NULL UNIQUE,
    medium text NOT NULL CHECK (medium IN ('email', 'msisdn')),
    address_envelope bytea NOT NULL,
    room_id text NOT NULL,
    sender text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    taken_by text
  );
  CREATE INDEX identity_invites_created_idx ON identity_invites (created_at);
  CREATE INDEX identity_invites_taken_idx ON identity_invites (taken_by) WHERE taken_by IS NOT NULL;
  COMMENT ON TABLE identity_invites IS 'Invitations into rooms that wait for an address to be bound';
  COMMENT ON COLUMN identity_invites.invite_id IS 'UUIDv7; bound into the encryption';
  COMMENT ON COLUMN identity_invites.token IS 'Stands in the room''s m.room.third_party_invite event';
  COMMENT ON COLUMN identity_invites.medium IS 'email or msisdn';
  COMMENT ON COLUMN identity_invites.address_envelope IS 'Who is invited, encrypted';
  COMMENT ON COLUMN identity_invites.room_id IS 'Into which room';
  COMMENT ON COLUMN identity_invites.sender IS 'Who invites';
  COMMENT ON COLUMN identity_invites.created_at IS 'When it was stored; old ones are deleted';
  COMMENT ON COLUMN identity_invites.taken_by IS 'The account that bound the address; its homeserver is being told';

  CREATE TABLE identity_ephemeral_keys (
    public_key text PRIMARY KEY,
    invite_id uuid NOT NULL REFERENCES identity_invites ON DELETE CASCADE
  );
  CREATE INDEX identity_ephemeral_keys_invite_idx ON identity_ephemeral_keys (invite_id);
  COMMENT ON TABLE identity_ephemeral_keys IS 'Keys made for one invitation each; the private halves went out with its message';
  COMMENT ON COLUMN identity_ephemeral_keys.public_key IS 'Ed25519, unpadded URL-safe base64';
  COMMENT ON COLUMN identity_ephemeral_keys.invite_id IS 'Which invitation';

  CREATE TABLE identity_peppers (
    pepper_id integer PRIMARY KEY,
    pepper text NOT NULL UNIQUE,
    index_key_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'current', 'previous')),
    created_at timestamptz NOT NULL DEFAULT now(),
    current_at timestamptz,
    previous_at timestamptz
  );
  CREATE UNIQUE INDEX identity_peppers_state_idx ON identity_peppers (state) WHERE state <> 'previous';
  COMMENT ON TABLE identity_peppers IS 'What clients mix into the hashes that they look up; all of these count';
  COMMENT ON COLUMN identity_peppers.pepper_id IS 'Stands in every digest''s row';
  COMMENT ON COLUMN identity_peppers.pepper IS 'The API''s lookup_pepper';
  COMMENT ON COLUMN identity_peppers.index_key_id IS 'Which index key of the ring its digests are made with';
  COMMENT ON COLUMN identity_peppers.state IS 'building: digests are being made; current: told to clients; previous: clients may still have it';
  COMMENT ON COLUMN identity_peppers.created_at IS 'When it was made';
  COMMENT ON COLUMN identity_peppers.current_at IS 'When it became current';
  COMMENT ON COLUMN identity_peppers.previous_at IS 'When another one became current';

  CREATE TABLE identity_digests (
    digest uuid NOT NULL,
    pepper_id integer NOT NULL REFERENCES identity_peppers,
    association_id uuid REFERENCES identity_associations ON DELETE CASCADE,
    field_id uuid REFERENCES personal_fields ON DELETE CASCADE,
    invite_id uuid REFERENCES identity_invites ON DELETE CASCADE,
    matrix_user_id text,
    proved_at timestamptz,
    CHECK (num_nonnulls(association_id, field_id, invite_id) = 1),
    CHECK ((matrix_user_id IS NOT NULL) = (association_id IS NOT NULL)),
    CHECK ((proved_at IS NULL) = (invite_id IS NOT NULL))
  );
  CREATE INDEX identity_digests_digest_idx ON identity_digests (digest);
  CREATE INDEX identity_digests_pepper_idx ON identity_digests (pepper_id);
  CREATE UNIQUE INDEX identity_digests_association_idx ON identity_digests (association_id, pepper_id) WHERE association_id IS NOT NULL;
  CREATE UNIQUE INDEX identity_digests_field_idx ON identity_digests (field_id, pepper_id) WHERE field_id IS NOT NULL;
  CREATE UNIQUE INDEX identity_digests_invite_idx ON identity_digests (invite_id, pepper_id) WHERE invite_id IS NOT NULL;
  COMMENT ON TABLE identity_digests IS 'By what addresses are looked up: a row for each address and pepper, made anew from the encrypted addresses';
  COMMENT ON COLUMN identity_digests.digest IS 'The first 128 bits of HMAC-SHA-256, under a key that is not in the database, of the hash that clients send';
  COMMENT ON COLUMN identity_digests.pepper_id IS 'Which pepper is in that hash';
  COMMENT ON COLUMN identity_digests.association_id IS 'Of a bound address';
  COMMENT ON COLUMN identity_digests.field_id IS 'Of a proved address of a person';
  COMMENT ON COLUMN identity_digests.invite_id IS 'Of an invited address; nobody is found by it';
  COMMENT ON COLUMN identity_digests.matrix_user_id IS 'Whose bound address; a person''s account is looked up';
  COMMENT ON COLUMN identity_digests.proved_at IS 'When it was proved; a field''s row counts only while this is its verified_at';

  CREATE FUNCTION identity_field_proved() RETURNS trigger LANGUAGE plpgsql AS $proved$
  BEGIN
    INSERT INTO outbox_events (event_id, topic, payload)
    VALUES (gen_random_uuid(), 'identity_service.index', jsonb_build_object('fieldId', NEW.field_id));
    RETURN NULL;
  END
  $proved$;
  COMMENT ON FUNCTION identity_field_proved() IS 'A proved address is looked up by digests; they are made after the commit, by whoever has the keys';
  CREATE TRIGGER personal_fields_proved AFTER UPDATE OF verified_at ON personal_fields
    FOR EACH ROW WHEN (NEW.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at)
    EXECUTE FUNCTION identity_field_proved();
  CREATE TRIGGER personal_fields_proved_new AFTER INSERT ON personal_fields
    FOR EACH ROW WHEN (NEW.verified_at IS NOT NULL)
    EXECUTE FUNCTION identity_field_proved();

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('026_identity_service.sql', 'sha256:67ac6f7234fac7251ce1f7095ce296f8da98119aedb3ae1ccc05fad9d16e21fc');
END
$migration$;
