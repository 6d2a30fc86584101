-- 022_outgoing_messages.sql
-- E-mails and SMS that leave us: sealed until they are sent, counted without being readable, paid for within a daily cap.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '022_outgoing_messages.sql') THEN RETURN; END IF;

  CREATE TABLE outgoing_messages (
    message_id uuid PRIMARY KEY,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    purpose text NOT NULL CHECK (purpose IN ('verification', 'password', 'notice', 'identity_service')),
    person_id uuid REFERENCES aura_id_registry ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'queued'
      CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'refused', 'expired', 'failed')),
    address bytea,
    content bytea,
    key_id text,
    prefix_digest bytea,
    parts smallint NOT NULL DEFAULT 0,
    cost_micros bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    lost_outcomes smallint NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    reason text,
    provider_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    sent_at timestamptz,
    settled_at timestamptz,
    code_used_at timestamptz,
    CHECK ((state IN ('queued', 'sending')) = (content IS NOT NULL)),
    CHECK ((content IS NULL) = (address IS NULL) AND (content IS NULL) = (key_id IS NULL))
  ) WITH (fillfactor = 70);
  CREATE INDEX outgoing_messages_due_idx ON outgoing_messages (channel, run_at) WHERE state IN ('queued', 'sending');
  CREATE INDEX outgoing_messages_person_idx ON outgoing_messages (person_id) WHERE person_id IS NOT NULL;
  CREATE INDEX outgoing_messages_prefix_idx ON outgoing_messages (prefix_digest, expires_at) WHERE prefix_digest IS NOT NULL;
  CREATE INDEX outgoing_messages_provider_idx ON outgoing_messages (provider_id) WHERE provider_id IS NOT NULL;
  CREATE INDEX outgoing_messages_key_idx ON outgoing_messages (key_id) WHERE key_id IS NOT NULL;
  CREATE INDEX outgoing_messages_settled_idx ON outgoing_messages (settled_at) WHERE settled_at IS NOT NULL;
  COMMENT ON TABLE outgoing_messages IS 'E-mails and SMS that leave us; what is settled is wiped at once and deleted after some days';
  COMMENT ON COLUMN outgoing_messages.message_id IS 'UUIDv7; the same in every try, as Message-ID or to the SMS gateway';
  COMMENT ON COLUMN outgoing_messages.channel IS 'email or sms';
  COMMENT ON COLUMN outgoing_messages.purpose IS 'verification, password, notice, identity_service';
  COMMENT ON COLUMN outgoing_messages.person_id IS 'For whom; null: a Matrix user without an AuraID';
  COMMENT ON COLUMN outgoing_messages.state IS 'queued, sending (a process has it in hand until run_at), sent, delivered, refused, expired, failed';
  COMMENT ON COLUMN outgoing_messages.address IS 'Where to, sealed; null once it is settled';
  COMMENT ON COLUMN outgoing_messages.content IS 'Subject and text, sealed; null once it is settled';
  COMMENT ON COLUMN outgoing_messages.key_id IS 'Key of the ring that sealed both; null once it is settled';
  COMMENT ON COLUMN outgoing_messages.prefix_digest IS 'Keyed digest of the first digits of a number, for finding prefixes whose codes nobody submits';
  COMMENT ON COLUMN outgoing_messages.parts IS 'Parts of an SMS';
  COMMENT ON COLUMN outgoing_messages.cost_micros IS 'What it costs, in millionths of the operator''s currency';
  COMMENT ON COLUMN outgoing_messages.attempts IS 'How often it was claimed; a process settles only what it claimed last';
  COMMENT ON COLUMN outgoing_messages.lost_outcomes IS 'How often nobody knew whether the server had taken it; after the second it has failed';
  COMMENT ON COLUMN outgoing_messages.run_at IS 'When it is due; while sending, when the claim lapses';
  COMMENT ON COLUMN outgoing_messages.reason IS 'Why it was put back, refused or failed, without the address';
  COMMENT ON COLUMN outgoing_messages.provider_id IS 'The SMS server''s name for it, by which its receipt comes';
  COMMENT ON COLUMN outgoing_messages.created_at IS 'When it was asked for';
  COMMENT ON COLUMN outgoing_messages.expires_at IS 'It is not sent after this';
  COMMENT ON COLUMN outgoing_messages.sent_at IS 'When the server took it';
  COMMENT ON COLUMN outgoing_messages.settled_at IS 'When it was settled, the last time';
  COMMENT ON COLUMN outgoing_messages.code_used_at IS 'When the code in it was submitted';

  CREATE TABLE message_spend (
    day date PRIMARY KEY,
    spent_micros bigint NOT NULL
  );
  COMMENT ON TABLE message_spend IS 'What the SMS of each day cost, against the daily cap';
  COMMENT ON COLUMN message_spend.day IS 'Day in UTC';
  COMMENT ON COLUMN message_spend.spent_micros IS 'Millionths of the operator''s currency';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('022_outgoing_messages.sql', 'sha256:00b717e7bda79a5e8f4cd06229cd7ba1aaef964e2bc162ccab3341155c0b542d');
END
$migration$;
