-- 024_dashboard.sql
-- What ties us to the Dashboard: webhooks that leave us, who owns which app with which keys and quotas, and who may
-- review documents.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '024_dashboard.sql') THEN RETURN; END IF;

  CREATE TABLE webhook_endpoints (
    endpoint text PRIMARY KEY CHECK (endpoint = 'dashboard'),
    resume_at timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
  );
  INSERT INTO webhook_endpoints (endpoint) VALUES ('dashboard');
  COMMENT ON TABLE webhook_endpoints IS 'Who is sent webhooks: the Dashboard, one row';
  COMMENT ON COLUMN webhook_endpoints.endpoint IS 'dashboard';
  COMMENT ON COLUMN webhook_endpoints.resume_at IS 'It asked to be left alone until then (Retry-After)';
  COMMENT ON COLUMN webhook_endpoints.disabled_at IS 'Since when it is sent nothing; what happens meanwhile waits';
  COMMENT ON COLUMN webhook_endpoints.disabled_reason IS 'gone (it answered 410) or operator';

  CREATE TABLE webhook_secrets (
    secret_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz
  );
  INSERT INTO webhook_secrets (secret_id) VALUES (gen_random_uuid());
  COMMENT ON TABLE webhook_secrets IS 'Generations of the webhooks'' signing secret; the secrets themselves are derived from DASHBOARD_WEBHOOK_SECRET and lie nowhere';
  COMMENT ON COLUMN webhook_secrets.secret_id IS 'Salt of the derivation';
  COMMENT ON COLUMN webhook_secrets.created_at IS 'When it was made; messages are signed by the newest first';
  COMMENT ON COLUMN webhook_secrets.ends_at IS 'After a rotation: until then messages are signed by this one too';

  CREATE TABLE webhook_deliveries (
    webhook_id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL,
    subject_id uuid,
    once_key text UNIQUE,
    data jsonb,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    first_attempt_at timestamptz,
    last_status integer,
    last_error text,
    settled_at timestamptz,
    CHECK ((state = 'pending') = (settled_at IS NULL)),
    CHECK ((state = 'delivered') = (data IS NULL))
  );
  CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (run_at) WHERE state = 'pending';
  CREATE INDEX webhook_deliveries_subject_idx ON webhook_deliveries (subject_id, seq) WHERE state <> 'delivered';
  CREATE INDEX webhook_deliveries_state_idx ON webhook_deliveries (state, seq);
  CREATE INDEX webhook_deliveries_settled_idx ON webhook_deliveries (settled_at) WHERE settled_at IS NOT NULL;
  COMMENT ON TABLE webhook_deliveries IS 'Events for the Dashboard, written with the change that they tell of; sent until it has taken them';
  COMMENT ON COLUMN webhook_deliveries.webhook_id IS 'UUIDv7; goes as webhook-id, the same in every try';
  COMMENT ON COLUMN webhook_deliveries.seq IS 'Order of events; those of one person are sent in it, one after the other';
  COMMENT ON COLUMN webhook_deliveries.type IS 'auraid.registered, auraid.renamed, … (docs/api/webhooks.md)';
  COMMENT ON COLUMN webhook_deliveries.subject_id IS 'The person whose events stay in order; null where order does not matter';
  COMMENT ON COLUMN webhook_deliveries.once_key IS 'Where an event might be told of twice: what makes it one';
  COMMENT ON COLUMN webhook_deliveries.data IS 'The event; wiped once it was delivered';
  COMMENT ON COLUMN webhook_deliveries.occurred_at IS 'When the change was made';
  COMMENT ON COLUMN webhook_deliveries.state IS 'pending, delivered, or dead: given up after a day, or refused for good';
  COMMENT ON COLUMN webhook_deliveries.attempts IS 'Tries so far';
  COMMENT ON COLUMN webhook_deliveries.run_at IS 'Not before; while a process has it in hand, when its claim lapses';
  COMMENT ON COLUMN webhook_deliveries.first_attempt_at IS 'First try of this delivery, or of its replay; a day later it is given up';
  COMMENT ON COLUMN webhook_deliveries.last_status IS 'What the Dashboard answered last; null when it gave no answer';
  COMMENT ON COLUMN webhook_deliveries.last_error IS 'Why the last try failed';
  COMMENT ON COLUMN webhook_deliveries.settled_at IS 'When it was delivered or given up; deleted some time later';

  CREATE TABLE dashboard_calls_cursor (
    what text PRIMARY KEY CHECK (what = 'call.ended'),
    after_call_id uuid NOT NULL
  );
  COMMENT ON TABLE dashboard_calls_cursor IS 'How far calls have been looked through for call.ended; one row';
  COMMENT ON COLUMN dashboard_calls_cursor.what IS 'call.ended';
  COMMENT ON COLUMN dashboard_calls_cursor.after_call_id IS 'Calls up to here are told of, or lie in dashboard_open_calls';

  CREATE TABLE dashboard_open_calls (
    call_id uuid PRIMARY KEY
  );
  COMMENT ON TABLE dashboard_open_calls IS 'Calls that still went on when the cursor passed them';
  COMMENT ON COLUMN dashboard_open_calls.call_id IS 'Which call';

  ALTER TABLE apps
    ADD COLUMN owner_person_id uuid REFERENCES aura_id_registry ON DELETE SET NULL,
    ADD COLUMN calls_per_day integer CHECK (calls_per_day >= 0),
    ADD COLUMN requests_per_minute integer NOT NULL DEFAULT 600 CHECK (requests_per_minute >= 0);
  CREATE INDEX apps_owner_idx ON apps (owner_person_id) WHERE owner_person_id IS NOT NULL;
  COMMENT ON COLUMN apps.owner_person_id IS 'Who answers for it and manages it on her pages; null: the operator';
  COMMENT ON COLUMN apps.calls_per_day IS 'Calls that its endpoints may place in a day, all together; null: no quota';
  COMMENT ON COLUMN apps.requests_per_minute IS 'Requests with its keys in a minute, all together';

  CREATE TABLE app_keys (
    key_id uuid PRIMARY KEY,
    app_id text NOT NULL REFERENCES apps ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    key_hash bytea NOT NULL UNIQUE,
    hint text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    ends_at timestamptz,
    revoked_at timestamptz
  );
  CREATE INDEX app_keys_app_idx ON app_keys (app_id);
  COMMENT ON TABLE app_keys IS 'Keys with which an app''s own server speaks to us';
  COMMENT ON COLUMN app_keys.key_id IS 'UUIDv7';
  COMMENT ON COLUMN app_keys.app_id IS 'Whose key';
  COMMENT ON COLUMN app_keys.name IS 'What its owner calls it';
  COMMENT ON COLUMN app_keys.key_hash IS 'SHA-256 of the key, which has 256 random bits and is shown once';
  COMMENT ON COLUMN app_keys.hint IS 'Its last four characters, to tell keys apart';
  COMMENT ON COLUMN app_keys.created_at IS 'When it was issued';
  COMMENT ON COLUMN app_keys.last_used_at IS 'When it was last used, to the minute';
  COMMENT ON COLUMN app_keys.ends_at IS 'After a rotation: until then it is good beside its successor';
  COMMENT ON COLUMN app_keys.revoked_at IS 'When it was taken back';

  CREATE TABLE reviewer_roles (
    person_id uuid PRIMARY KEY REFERENCES aura_id_registry ON DELETE CASCADE,
    granted_by text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
  );
  COMMENT ON TABLE reviewer_roles IS 'Who may look at documents and decide on them';
  COMMENT ON COLUMN reviewer_roles.person_id IS 'The reviewer';
  COMMENT ON COLUMN reviewer_roles.granted_by IS 'Which service, on whose behalf';
  COMMENT ON COLUMN reviewer_roles.since IS 'Since when';
  COMMENT ON COLUMN reviewer_roles.revoked_at IS 'Until when; null: she still is';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('024_dashboard.sql', 'sha256:8b5e5651ca97de0aa98bf7753688798452b53ecb325976b424cfd35dfb7bc506');
END
$migration$;
