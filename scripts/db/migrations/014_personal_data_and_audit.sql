-- 014_personal_data_and_audit.sql
-- Personal data encrypted at rest, each person's data key, erasures, and a log of acts that shows any change of itself.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '014_personal_data_and_audit.sql') THEN RETURN; END IF;

  CREATE TABLE person_keys (
    person_id uuid PRIMARY KEY REFERENCES aura_id_registry ON DELETE CASCADE,
    data_key_id uuid NOT NULL UNIQUE,
    ring_key_id text NOT NULL CHECK (ring_key_id ~ '^[a-z0-9-]{1,32}$'),
    wrapped_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    wrapped_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX person_keys_ring_idx ON person_keys (ring_key_id);
  COMMENT ON TABLE person_keys IS 'One data key a person, wrapped by the key ring; without it all her envelopes are noise';
  COMMENT ON COLUMN person_keys.person_id IS 'Whose key';
  COMMENT ON COLUMN person_keys.data_key_id IS 'Stands in every envelope that it sealed';
  COMMENT ON COLUMN person_keys.ring_key_id IS 'Which key of the ring wrapped it';
  COMMENT ON COLUMN person_keys.wrapped_key IS 'The data key, wrapped';
  COMMENT ON COLUMN person_keys.created_at IS 'When it was made';
  COMMENT ON COLUMN person_keys.wrapped_at IS 'When it was last wrapped anew';

  CREATE TABLE personal_fields (
    field_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('about', 'picture', 'email', 'phone', 'birth_date', 'postal_address', 'document')),
    envelope bytea NOT NULL,
    blind_index bytea,
    index_key_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((blind_index IS NULL) = (index_key_id IS NULL))
  );
  CREATE INDEX personal_fields_person_idx ON personal_fields (person_id, kind);
  CREATE UNIQUE INDEX personal_fields_single_idx ON personal_fields (person_id, kind) WHERE kind IN ('about', 'picture', 'birth_date');
  CREATE INDEX personal_fields_blind_idx ON personal_fields (blind_index) WHERE blind_index IS NOT NULL;
  CREATE INDEX personal_fields_index_key_idx ON personal_fields (index_key_id) WHERE index_key_id IS NOT NULL;
  COMMENT ON TABLE personal_fields IS 'What a person told us of herself, each value in an envelope of its own';
  COMMENT ON COLUMN personal_fields.field_id IS 'UUIDv7; bound into the encryption';
  COMMENT ON COLUMN personal_fields.person_id IS 'Whose';
  COMMENT ON COLUMN personal_fields.kind IS 'about, picture, email, phone, birth_date, postal_address, document';
  COMMENT ON COLUMN personal_fields.envelope IS 'The value, encrypted';
  COMMENT ON COLUMN personal_fields.blind_index IS 'Keyed digest of an e-mail address or number in normal form, for finding it';
  COMMENT ON COLUMN personal_fields.index_key_id IS 'Which key made the digest';
  COMMENT ON COLUMN personal_fields.created_at IS 'When it was told';
  COMMENT ON COLUMN personal_fields.updated_at IS 'Last change';

  CREATE TABLE person_erasures (
    person_id uuid PRIMARY KEY REFERENCES aura_id_registry,
    requested_at timestamptz NOT NULL DEFAULT now(),
    steps_done text[] NOT NULL DEFAULT '{}',
    done_at timestamptz
  );
  COMMENT ON TABLE person_erasures IS 'Erasures under way and done; each step is idempotent and repeated until it succeeds';
  COMMENT ON COLUMN person_erasures.person_id IS 'Who is erased; the id alone stays';
  COMMENT ON COLUMN person_erasures.requested_at IS 'When she confirmed';
  COMMENT ON COLUMN person_erasures.steps_done IS 'rows, sessions, matrix, history';
  COMMENT ON COLUMN person_erasures.done_at IS 'When all of it was done';

  CREATE TABLE audit_chains (
    chain smallint PRIMARY KEY CHECK (chain BETWEEN 0 AND 15),
    seq bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL
  ) WITH (fillfactor = 50);
  INSERT INTO audit_chains (chain, hash) SELECT n, sha256(convert_to('auralink audit chain ' || n, 'UTF8')) FROM generate_series(0, 15) n;
  COMMENT ON TABLE audit_chains IS 'The end of each of the sixteen chains of the audit log; its row lock orders the chain';
  COMMENT ON COLUMN audit_chains.chain IS '0 to 15, by the subject, so that busy people do not wait for each other';
  COMMENT ON COLUMN audit_chains.seq IS 'Number of the newest entry';
  COMMENT ON COLUMN audit_chains.hash IS 'Its hash; at first the hash of the chain''s name';

  CREATE TABLE audit_log (
    chain smallint NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor ~ '^[!-~]{1,200}$'),
    act text NOT NULL CHECK (act ~ '^[a-z_.]{1,64}$'),
    subject_id uuid NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, seq)
  );
  CREATE INDEX audit_log_subject_idx ON audit_log (subject_id, at);
  COMMENT ON TABLE audit_log IS 'Acts of people and operators on identities; append only, each entry holds the hash of the one before';
  COMMENT ON COLUMN audit_log.chain IS 'Which chain';
  COMMENT ON COLUMN audit_log.seq IS '1, 2, 3 … without a gap';
  COMMENT ON COLUMN audit_log.at IS 'When, by the database''s clock';
  COMMENT ON COLUMN audit_log.actor IS 'person:ID, service:SUBJECT, operator:cli or system';
  COMMENT ON COLUMN audit_log.act IS 'What was done, such as name.renamed';
  COMMENT ON COLUMN audit_log.subject_id IS 'The person concerned, by id only';
  COMMENT ON COLUMN audit_log.detail IS 'Circumstances; never a name, an address or a text of hers';
  COMMENT ON COLUMN audit_log.previous_hash IS 'Hash of the entry before';
  COMMENT ON COLUMN audit_log.hash IS 'SHA-256 over the hash before and every column of this entry';

  CREATE FUNCTION audit_log_chain() RETURNS trigger LANGUAGE plpgsql AS $chain$
  BEGIN
    NEW.chain := (hashtext(NEW.subject_id::text) & 15)::smallint;
    SELECT c.seq + 1, c.hash INTO NEW.seq, NEW.previous_hash FROM audit_chains c WHERE c.chain = NEW.chain FOR UPDATE;
    NEW.at := clock_timestamp();
    NEW.hash := sha256(NEW.previous_hash || convert_to(concat_ws(E'\n', NEW.chain, NEW.seq,
      to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      NEW.actor, NEW.act, NEW.subject_id, NEW.detail::text), 'UTF8'));
    UPDATE audit_chains c SET seq = NEW.seq, hash = NEW.hash WHERE c.chain = NEW.chain;
    RETURN NEW;
  END
  $chain$;
  CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $refuse$
  BEGIN
    RAISE EXCEPTION 'the audit log is append-only (% refused)', TG_OP USING ERRCODE = 'insufficient_privilege';
  END
  $refuse$;
  CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_chain();
  CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
  CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
  COMMENT ON FUNCTION audit_log_chain() IS 'Numbers, dates and chains an entry, whoever inserts it';
  COMMENT ON FUNCTION audit_log_refuse() IS 'Refuses every change of what was written';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('014_personal_data_and_audit.sql', 'sha256:0910c425efd116ca628be60bfeead0f1b2c2aa8751fdd65dde8413887625fb07');
END
$migration$;
