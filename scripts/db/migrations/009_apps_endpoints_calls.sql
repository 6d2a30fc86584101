-- 009_apps_endpoints_calls.sql
-- Apps, endpoints with their event logs, invitations and rings: everything that a ringing phone needs.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '009_apps_endpoints_calls.sql') THEN RETURN; END IF;

  CREATE TABLE apps (
    app_id text PRIMARY KEY CHECK (app_id ~ '^[a-z][a-z0-9-]{1,31}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    icon text NOT NULL,
    origins text[] NOT NULL,
    redirect_uris text[] NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
  );
  COMMENT ON TABLE apps IS 'Apps that people may let ring and place calls for them';
  COMMENT ON COLUMN apps.app_id IS 'Short name; also the OAuth client_id';
  COMMENT ON COLUMN apps.name IS 'Shown to people';
  COMMENT ON COLUMN apps.icon IS 'An emoji or a path on our origin';
  COMMENT ON COLUMN apps.origins IS 'Web origins from which it may open a socket or call the API';
  COMMENT ON COLUMN apps.redirect_uris IS 'Where the sign-in may return to';
  COMMENT ON COLUMN apps.scopes IS 'The most that it may ask for';
  COMMENT ON COLUMN apps.created_at IS 'When it was registered';
  COMMENT ON COLUMN apps.disabled_at IS 'When an operator switched it off';

  CREATE TABLE endpoints (
    endpoint_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    app_id text NOT NULL REFERENCES apps,
    device_key text NOT NULL,
    grant_id text UNIQUE,
    scopes text[] NOT NULL,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    focused_at timestamptz,
    disconnected_at timestamptz,
    revoked_at timestamptz
  );
  CREATE UNIQUE INDEX endpoints_identity_idx ON endpoints (person_id, app_id, device_key) WHERE revoked_at IS NULL;
  COMMENT ON TABLE endpoints IS 'One app on one device of one person';
  COMMENT ON COLUMN endpoints.endpoint_id IS 'UUIDv7';
  COMMENT ON COLUMN endpoints.person_id IS 'Whose';
  COMMENT ON COLUMN endpoints.app_id IS 'Which app';
  COMMENT ON COLUMN endpoints.device_key IS 'Which device, from our first-party cookie; never told to apps';
  COMMENT ON COLUMN endpoints.grant_id IS 'The sign-in grant that its tokens come from';
  COMMENT ON COLUMN endpoints.scopes IS 'What it may do';
  COMMENT ON COLUMN endpoints.user_agent IS 'Browser or phone, for the list of devices';
  COMMENT ON COLUMN endpoints.created_at IS 'First sign-in';
  COMMENT ON COLUMN endpoints.last_used_at IS 'Last time that she used it for something';
  COMMENT ON COLUMN endpoints.focused_at IS 'Since when it is in front; null when it is not';
  COMMENT ON COLUMN endpoints.disconnected_at IS 'When its last socket closed; null while one is open or before the first';
  COMMENT ON COLUMN endpoints.revoked_at IS 'When it was signed out; its tokens are void from then on';

  CREATE TABLE service_processes (
    process_id uuid PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
  );
  COMMENT ON TABLE service_processes IS 'Service processes that run now; a stale heartbeat makes its sockets void';
  COMMENT ON COLUMN service_processes.process_id IS 'New at every start';
  COMMENT ON COLUMN service_processes.started_at IS 'When it started';
  COMMENT ON COLUMN service_processes.heartbeat_at IS 'Last sign of life';

  CREATE TABLE endpoint_sockets (
    socket_id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES endpoints ON DELETE CASCADE,
    process_id uuid NOT NULL REFERENCES service_processes ON DELETE CASCADE,
    connected_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX endpoint_sockets_endpoint_idx ON endpoint_sockets (endpoint_id);
  CREATE INDEX endpoint_sockets_process_idx ON endpoint_sockets (process_id);
  COMMENT ON TABLE endpoint_sockets IS 'Open sockets: which endpoint can be reached at once';
  COMMENT ON COLUMN endpoint_sockets.socket_id IS 'UUIDv7';
  COMMENT ON COLUMN endpoint_sockets.endpoint_id IS 'Whose socket';
  COMMENT ON COLUMN endpoint_sockets.process_id IS 'Which process holds it';
  COMMENT ON COLUMN endpoint_sockets.connected_at IS 'When it opened';

  CREATE TABLE endpoint_streams (
    endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
    last_seq bigint NOT NULL DEFAULT 0,
    acknowledged_seq bigint NOT NULL DEFAULT 0,
    CHECK (acknowledged_seq <= last_seq)
  ) WITH (fillfactor = 50);
  COMMENT ON TABLE endpoint_streams IS 'Where each endpoint''s event log stands; its row lock orders the log by commit';
  COMMENT ON COLUMN endpoint_streams.endpoint_id IS 'Whose log';
  COMMENT ON COLUMN endpoint_streams.last_seq IS 'Number of the newest event';
  COMMENT ON COLUMN endpoint_streams.acknowledged_seq IS 'Every event up to here has been acknowledged';

  -- No foreign key: a dozen events a call would each lock their endpoint's row. An event is only ever written together
  -- with its stream's new number, and what outlives its stream is pruned.
  CREATE TABLE endpoint_events (
    endpoint_id uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint_id, seq)
  );
  CREATE INDEX endpoint_events_transaction_idx ON endpoint_events (transaction_id);
  CREATE INDEX endpoint_events_created_idx ON endpoint_events USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
  COMMENT ON TABLE endpoint_events IS 'What each endpoint is to be told, in order, written with the change that caused it';
  COMMENT ON COLUMN endpoint_events.endpoint_id IS 'Who is told';
  COMMENT ON COLUMN endpoint_events.seq IS '1, 2, 3 … without a gap, in the order of commits';
  COMMENT ON COLUMN endpoint_events.type IS 'ring, ring.notice, ring.stopped, call.updated';
  COMMENT ON COLUMN endpoint_events.data IS 'The event as it goes over the socket';
  COMMENT ON COLUMN endpoint_events.transaction_id IS 'Lets a poll find exactly what has been committed since the last one';
  COMMENT ON COLUMN endpoint_events.created_at IS 'When it was written';

  CREATE TABLE device_choices (
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    device_key text NOT NULL,
    app_id text NOT NULL REFERENCES apps,
    chosen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, device_key)
  );
  COMMENT ON TABLE device_choices IS 'The app that a person wants to ring on a device';
  COMMENT ON COLUMN device_choices.person_id IS 'Who chose';
  COMMENT ON COLUMN device_choices.device_key IS 'For which device';
  COMMENT ON COLUMN device_choices.app_id IS 'Which app rings there';
  COMMENT ON COLUMN device_choices.chosen_at IS 'When';

  CREATE TABLE call_invitations (
    invitation_id uuid PRIMARY KEY,
    call_id uuid NOT NULL REFERENCES cross_app_calls ON DELETE CASCADE,
    callee_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    callee_aura_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('ringing', 'answered', 'ended', 'declined', 'cancelled', 'missed', 'failed')),
    reason text,
    named_app_id text,
    deadline_at timestamptz NOT NULL,
    media_deadline_at timestamptz,
    answered_by_endpoint_id uuid,
    answer_key text,
    merged_into_call_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    alerting_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    UNIQUE (call_id, callee_person_id),
    CHECK ((state IN ('ringing', 'answered')) = (ended_at IS NULL)),
    CHECK (state <> 'answered' OR answered_by_endpoint_id IS NOT NULL)
  );
  CREATE INDEX call_invitations_deadline_idx ON call_invitations (deadline_at) WHERE state = 'ringing';
  CREATE INDEX call_invitations_media_idx ON call_invitations (media_deadline_at) WHERE state = 'answered' AND media_deadline_at IS NOT NULL;
  CREATE INDEX call_invitations_ringing_idx ON call_invitations (callee_person_id) WHERE state = 'ringing';
  CREATE INDEX call_invitations_callee_idx ON call_invitations (callee_person_id, created_at DESC);
  COMMENT ON TABLE call_invitations IS 'One callee in one call: the machine that decides who answered';
  COMMENT ON COLUMN call_invitations.invitation_id IS 'UUIDv7';
  COMMENT ON COLUMN call_invitations.call_id IS 'In which call';
  COMMENT ON COLUMN call_invitations.callee_person_id IS 'Who is called';
  COMMENT ON COLUMN call_invitations.callee_aura_id IS 'Under which address';
  COMMENT ON COLUMN call_invitations.state IS 'ringing, answered, ended, declined, cancelled, missed, failed';
  COMMENT ON COLUMN call_invitations.reason IS 'Why it left ringing or ended, for the history';
  COMMENT ON COLUMN call_invitations.named_app_id IS 'The app that the caller wished to ring';
  COMMENT ON COLUMN call_invitations.deadline_at IS 'When ringing ends by itself, by the database''s clock';
  COMMENT ON COLUMN call_invitations.media_deadline_at IS 'After an answer: when media must have been seen; null once it was';
  COMMENT ON COLUMN call_invitations.answered_by_endpoint_id IS 'The one endpoint that answered';
  COMMENT ON COLUMN call_invitations.answer_key IS 'Its idempotency key, so that its retry is told "yes" and its other tab "no"';
  COMMENT ON COLUMN call_invitations.merged_into_call_id IS 'In a glare: the call that went on';
  COMMENT ON COLUMN call_invitations.created_at IS 'When it began to ring';
  COMMENT ON COLUMN call_invitations.alerting_at IS 'When the first app said that it rings';
  COMMENT ON COLUMN call_invitations.answered_at IS 'When it was answered';
  COMMENT ON COLUMN call_invitations.ended_at IS 'When it came to its end';

  CREATE TABLE call_rings (
    ring_id uuid PRIMARY KEY,
    invitation_id uuid NOT NULL REFERENCES call_invitations ON DELETE CASCADE,
    endpoint_id uuid NOT NULL,
    device_key text NOT NULL,
    rank smallint NOT NULL CHECK (rank >= 0),
    state text NOT NULL CHECK (state IN ('waiting', 'sent', 'ringing', 'stopped')),
    failover_at timestamptz,
    sent_at timestamptz,
    acknowledged_at timestamptz,
    stopped_at timestamptz,
    stop_reason text,
    ring_seq bigint,
    UNIQUE (invitation_id, endpoint_id),
    CHECK ((state = 'stopped') = (stop_reason IS NOT NULL))
  );
  CREATE INDEX call_rings_failover_idx ON call_rings (failover_at) WHERE state = 'sent' AND failover_at IS NOT NULL;
  CREATE INDEX call_rings_endpoint_idx ON call_rings (endpoint_id) WHERE state <> 'stopped';
  COMMENT ON TABLE call_rings IS 'One endpoint being rung for one invitation';
  COMMENT ON COLUMN call_rings.ring_id IS 'UUIDv7; the same over socket and push';
  COMMENT ON COLUMN call_rings.invitation_id IS 'For which invitation';
  COMMENT ON COLUMN call_rings.endpoint_id IS 'Which endpoint; not checked by a key, which would lock its row with every ring';
  COMMENT ON COLUMN call_rings.device_key IS 'On which device: one app of a device rings at a time';
  COMMENT ON COLUMN call_rings.rank IS 'The planner''s order on that device; 0 rings first';
  COMMENT ON COLUMN call_rings.state IS 'waiting (told silently), sent, ringing (acknowledged), stopped';
  COMMENT ON COLUMN call_rings.failover_at IS 'If it is still only sent by then, the next app of the device rings too';
  COMMENT ON COLUMN call_rings.sent_at IS 'When its ring was written';
  COMMENT ON COLUMN call_rings.acknowledged_at IS 'When the app said that it rings';
  COMMENT ON COLUMN call_rings.stopped_at IS 'When it was told to stop';
  COMMENT ON COLUMN call_rings.stop_reason IS 'answered_here, answered_elsewhere, declined_here, declined_elsewhere, caller_cancelled, timeout, merged, failed';
  COMMENT ON COLUMN call_rings.ring_seq IS 'Number of the ring in the endpoint''s log: an acknowledgement that reaches it means that the app rings';

  CREATE TABLE livekit_webhooks (
    webhook_id text PRIMARY KEY,
    event text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX livekit_webhooks_received_idx ON livekit_webhooks (received_at);
  COMMENT ON TABLE livekit_webhooks IS 'Webhooks that were handled, so that a repeat does nothing';
  COMMENT ON COLUMN livekit_webhooks.webhook_id IS 'LiveKit''s own id of the event';
  COMMENT ON COLUMN livekit_webhooks.event IS 'What it said';
  COMMENT ON COLUMN livekit_webhooks.received_at IS 'When; old rows are deleted';

  CREATE TABLE outbox_events (
    event_id uuid PRIMARY KEY,
    topic text NOT NULL,
    payload jsonb NOT NULL,
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX outbox_events_due_idx ON outbox_events (run_at);
  COMMENT ON TABLE outbox_events IS 'What must still be done because of a committed change; a row is deleted once its idempotent handler is through';
  COMMENT ON COLUMN outbox_events.event_id IS 'UUIDv7; the handler''s idempotency key';
  COMMENT ON COLUMN outbox_events.topic IS 'Which handler';
  COMMENT ON COLUMN outbox_events.payload IS 'What it needs';
  COMMENT ON COLUMN outbox_events.run_at IS 'Not before';
  COMMENT ON COLUMN outbox_events.attempts IS 'Tries so far';
  COMMENT ON COLUMN outbox_events.last_error IS 'What the last try said';
  COMMENT ON COLUMN outbox_events.created_at IS 'When the change was made';

  CREATE TABLE periodic_jobs (
    job text PRIMARY KEY,
    next_run_at timestamptz NOT NULL
  );
  COMMENT ON TABLE periodic_jobs IS 'Chores that one process at a time does: whoever moves next_run_at on does the work';
  COMMENT ON COLUMN periodic_jobs.job IS 'Which chore';
  COMMENT ON COLUMN periodic_jobs.next_run_at IS 'Not before';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('009_apps_endpoints_calls.sql', 'sha256:f624cc1c25267126d6ee898099130984380e2b1dcbf8db20c817f37e81b3e243');
END
$migration$;
