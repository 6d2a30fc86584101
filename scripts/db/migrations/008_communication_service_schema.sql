-- 008_communication_service_schema.sql
-- Calls across apps, notices and the servers that we talk to.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '008_communication_service_schema.sql') THEN RETURN; END IF;

  CREATE TABLE cross_app_calls (
    call_id uuid PRIMARY KEY,
    caller_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    caller_aura_id text NOT NULL,
    caller_endpoint_id uuid NOT NULL,
    caller_app_id text NOT NULL,
    media text NOT NULL CHECK (media IN ('audio', 'video')),
    state text NOT NULL CHECK (state IN ('ringing', 'active', 'ended')),
    end_reason text,
    livekit_room text UNIQUE,
    caller_joined_at timestamptz,
    callee_joined_at timestamptz,
    media_established_at timestamptz,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 128),
    created_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    ended_at timestamptz,
    UNIQUE (caller_endpoint_id, idempotency_key),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (end_reason IS NOT NULL))
  );
  CREATE INDEX cross_app_calls_caller_idx ON cross_app_calls (caller_person_id, created_at DESC);
  CREATE INDEX cross_app_calls_open_idx ON cross_app_calls (created_at) WHERE state <> 'ended';
  COMMENT ON TABLE cross_app_calls IS 'One row a call; its state follows from its invitations';
  COMMENT ON COLUMN cross_app_calls.call_id IS 'UUIDv7; in a glare the lower one wins';
  COMMENT ON COLUMN cross_app_calls.caller_person_id IS 'Who called';
  COMMENT ON COLUMN cross_app_calls.caller_aura_id IS 'Her address when she called';
  COMMENT ON COLUMN cross_app_calls.caller_endpoint_id IS 'From which endpoint';
  COMMENT ON COLUMN cross_app_calls.caller_app_id IS 'From which app';
  COMMENT ON COLUMN cross_app_calls.media IS 'audio or video';
  COMMENT ON COLUMN cross_app_calls.state IS 'ringing, active (somebody answered), ended';
  COMMENT ON COLUMN cross_app_calls.end_reason IS 'Why it ended: hung_up, declined, cancelled, missed, merged, no_media, media_lost, failed';
  COMMENT ON COLUMN cross_app_calls.livekit_room IS 'LiveKit room, once somebody asked for a media token';
  COMMENT ON COLUMN cross_app_calls.caller_joined_at IS 'Since when the caller is in the LiveKit room; null while she is not';
  COMMENT ON COLUMN cross_app_calls.callee_joined_at IS 'Since when the callee is in the LiveKit room; null while she is not';
  COMMENT ON COLUMN cross_app_calls.media_established_at IS 'When both were there for the first time';
  COMMENT ON COLUMN cross_app_calls.idempotency_key IS 'The caller''s key: a retry finds this call instead of making another';
  COMMENT ON COLUMN cross_app_calls.created_at IS 'When it was placed';
  COMMENT ON COLUMN cross_app_calls.answered_at IS 'When the first invitation was answered';
  COMMENT ON COLUMN cross_app_calls.ended_at IS 'When the last invitation ended';

  CREATE TABLE notification_queue (
    notification_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    app_id text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('socket', 'web_push', 'apns', 'fcm', 'unified_push', 'email', 'webhook')),
    dedup_key text NOT NULL,
    priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'expired', 'dead')),
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    last_error text,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (person_id, app_id, dedup_key)
  );
  CREATE INDEX notification_queue_pending_idx ON notification_queue (priority, run_at, notification_id) WHERE state = 'pending';
  COMMENT ON TABLE notification_queue IS 'Notices on their way to a person, each delivered at least once and shown once';
  COMMENT ON COLUMN notification_queue.notification_id IS 'UUIDv7';
  COMMENT ON COLUMN notification_queue.person_id IS 'To whom';
  COMMENT ON COLUMN notification_queue.app_id IS 'In which app';
  COMMENT ON COLUMN notification_queue.channel IS 'By which way';
  COMMENT ON COLUMN notification_queue.dedup_key IS 'The same notice has the same key, however often it is enqueued';
  COMMENT ON COLUMN notification_queue.priority IS '0 is first; rings have their own';
  COMMENT ON COLUMN notification_queue.payload IS 'What is shown';
  COMMENT ON COLUMN notification_queue.state IS 'pending, sent, expired, or dead (given up, with its reason)';
  COMMENT ON COLUMN notification_queue.run_at IS 'Not before';
  COMMENT ON COLUMN notification_queue.attempts IS 'Tries so far';
  COMMENT ON COLUMN notification_queue.locked_until IS 'A process is at work on it until then';
  COMMENT ON COLUMN notification_queue.last_error IS 'What the last try said';
  COMMENT ON COLUMN notification_queue.expires_at IS 'Not after';
  COMMENT ON COLUMN notification_queue.created_at IS 'When it was enqueued';
  COMMENT ON COLUMN notification_queue.updated_at IS 'Last change of this row';

  CREATE TABLE federation_servers (
    server_name text PRIMARY KEY CHECK (length(server_name) BETWEEN 1 AND 255),
    state text NOT NULL DEFAULT 'known' CHECK (state IN ('known', 'allowed', 'blocked')),
    capabilities jsonb NOT NULL DEFAULT '{}',
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_error text
  );
  COMMENT ON TABLE federation_servers IS 'Other homeservers and what we know of them';
  COMMENT ON COLUMN federation_servers.server_name IS 'Matrix server name';
  COMMENT ON COLUMN federation_servers.state IS 'known, allowed or blocked by the operator';
  COMMENT ON COLUMN federation_servers.capabilities IS 'What it says it can do';
  COMMENT ON COLUMN federation_servers.first_seen_at IS 'First contact';
  COMMENT ON COLUMN federation_servers.last_success_at IS 'Last answer';
  COMMENT ON COLUMN federation_servers.last_failure_at IS 'Last failure';
  COMMENT ON COLUMN federation_servers.last_error IS 'What the last failure was';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('008_communication_service_schema.sql', 'sha256:42cd91662a00c68f1a334141e20f5c7fad8d1c75fd801a9974d833afcbe4fda0');
END
$migration$;
