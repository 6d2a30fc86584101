-- 006_phase6_auraid_mesh_schema.sql
-- Identities, the mesh and trust: who a person is, which relays exist, what is known of anybody's conduct.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '006_phase6_auraid_mesh_schema.sql') THEN RETURN; END IF;

  COMMENT ON TABLE schema_migrations IS 'Which migration files ran here, by hand or by the service';
  COMMENT ON COLUMN schema_migrations.file IS 'File name under scripts/db/migrations';
  COMMENT ON COLUMN schema_migrations.checksum IS 'sha256 of the file as it was when it ran';
  COMMENT ON COLUMN schema_migrations.applied_at IS 'When it ran';

  CREATE TABLE aura_id_registry (
    person_id uuid PRIMARY KEY,
    aura_id text NOT NULL UNIQUE CHECK (aura_id ~ '^@[a-z0-9][a-z0-9._-]{1,28}[a-z0-9]\.aura$'),
    skeleton text NOT NULL UNIQUE,
    display_name text CHECK (length(display_name) BETWEEN 1 AND 80),
    state text NOT NULL CHECK (state IN ('reserved', 'active', 'suspended', 'released')),
    visibility text NOT NULL DEFAULT 'friends' CHECK (visibility IN ('public', 'friends', 'private')),
    registration_key text NOT NULL UNIQUE,
    dashboard_user_id text UNIQUE,
    password_set_at timestamptz,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (state = 'reserved' OR activated_at IS NOT NULL)
  );
  CREATE INDEX aura_id_registry_reserved_idx ON aura_id_registry (reserved_at) WHERE state = 'reserved';
  COMMENT ON TABLE aura_id_registry IS 'One row a person: her address and where it stands in its life';
  COMMENT ON COLUMN aura_id_registry.person_id IS 'The person, for ever; UUIDv7';
  COMMENT ON COLUMN aura_id_registry.aura_id IS 'Address in normal form, @handle.aura';
  COMMENT ON COLUMN aura_id_registry.skeleton IS 'The handle with look-alike characters folded; unique, so no two addresses can be mistaken';
  COMMENT ON COLUMN aura_id_registry.display_name IS 'The name that she shows, if any';
  COMMENT ON COLUMN aura_id_registry.state IS 'reserved until the Matrix account exists, then active; suspended by an operator; released by her';
  COMMENT ON COLUMN aura_id_registry.visibility IS 'Who may see her profile: public, friends, private';
  COMMENT ON COLUMN aura_id_registry.registration_key IS 'What asked for the name (dashboard:ID or page:ID); a retry with the same key goes on where the first try stopped';
  COMMENT ON COLUMN aura_id_registry.dashboard_user_id IS 'Her id in the Dashboard, when the Dashboard registered her';
  COMMENT ON COLUMN aura_id_registry.password_set_at IS 'When she first chose a password; null while only a sign-in code lets her in';
  COMMENT ON COLUMN aura_id_registry.reserved_at IS 'When the name was claimed';
  COMMENT ON COLUMN aura_id_registry.activated_at IS 'When the address began to work';
  COMMENT ON COLUMN aura_id_registry.updated_at IS 'Last change of this row';

  CREATE TABLE aura_id_verifications (
    verification_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    method text NOT NULL CHECK (method IN ('email', 'phone', 'document')),
    state text NOT NULL CHECK (state IN ('pending', 'verified', 'rejected', 'withdrawn', 'expired')),
    subject_index bytea,
    evidence jsonb NOT NULL DEFAULT '{}',
    verified_at timestamptz,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (state <> 'verified' OR verified_at IS NOT NULL)
  );
  CREATE INDEX aura_id_verifications_person_idx ON aura_id_verifications (person_id, method);
  CREATE UNIQUE INDEX aura_id_verifications_subject_idx ON aura_id_verifications (method, subject_index) WHERE state = 'verified';
  COMMENT ON TABLE aura_id_verifications IS 'What a person proved about herself, how and until when';
  COMMENT ON COLUMN aura_id_verifications.verification_id IS 'UUIDv7';
  COMMENT ON COLUMN aura_id_verifications.person_id IS 'Whose proof';
  COMMENT ON COLUMN aura_id_verifications.method IS 'email, phone or document';
  COMMENT ON COLUMN aura_id_verifications.state IS 'Where the proof stands';
  COMMENT ON COLUMN aura_id_verifications.subject_index IS 'Keyed blind index of the address or document; the thing itself is not here';
  COMMENT ON COLUMN aura_id_verifications.evidence IS 'What was checked, without personal data';
  COMMENT ON COLUMN aura_id_verifications.verified_at IS 'When it was proved';
  COMMENT ON COLUMN aura_id_verifications.expires_at IS 'When the proof lapses';
  COMMENT ON COLUMN aura_id_verifications.created_at IS 'When it was begun';
  COMMENT ON COLUMN aura_id_verifications.updated_at IS 'Last change of this row';

  CREATE TABLE matrix_user_mappings (
    matrix_user_id text PRIMARY KEY CHECK (matrix_user_id ~ '^@[^:]+:.+$' AND octet_length(matrix_user_id) <= 255),
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('pending', 'active')),
    is_primary boolean NOT NULL DEFAULT false,
    attached_by text NOT NULL CHECK (attached_by IN ('provisioned', 'sign_in')),
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz
  );
  CREATE UNIQUE INDEX matrix_user_mappings_primary_idx ON matrix_user_mappings (person_id) WHERE is_primary;
  CREATE INDEX matrix_user_mappings_person_idx ON matrix_user_mappings (person_id);
  COMMENT ON TABLE matrix_user_mappings IS 'Which Matrix accounts are a person''s; never attached without their own proof';
  COMMENT ON COLUMN matrix_user_mappings.matrix_user_id IS 'Full Matrix user id; localparts that we make are opaque';
  COMMENT ON COLUMN matrix_user_mappings.person_id IS 'Whose account';
  COMMENT ON COLUMN matrix_user_mappings.state IS 'pending until Synapse has confirmed the account';
  COMMENT ON COLUMN matrix_user_mappings.is_primary IS 'The account that signs her in';
  COMMENT ON COLUMN matrix_user_mappings.attached_by IS 'provisioned: we made it; sign_in: she proved it by its password';
  COMMENT ON COLUMN matrix_user_mappings.created_at IS 'When the mapping was written';
  COMMENT ON COLUMN matrix_user_mappings.activated_at IS 'When Synapse confirmed the account';

  CREATE TABLE mesh_nodes (
    node_id text PRIMARY KEY CHECK (length(node_id) BETWEEN 1 AND 64),
    kind text NOT NULL CHECK (kind IN ('relay', 'sfu', 'client')),
    region text,
    urls text[] NOT NULL,
    capacity_kbps integer CHECK (capacity_kbps > 0),
    state text NOT NULL DEFAULT 'up' CHECK (state IN ('up', 'draining', 'down')),
    labels jsonb NOT NULL DEFAULT '{}',
    registered_by text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX mesh_nodes_live_idx ON mesh_nodes (kind, last_seen_at) WHERE state = 'up';
  COMMENT ON TABLE mesh_nodes IS 'Relays and SFUs that calls may go through';
  COMMENT ON COLUMN mesh_nodes.node_id IS 'Name that the node''s operator chose';
  COMMENT ON COLUMN mesh_nodes.kind IS 'relay (TURN), sfu (LiveKit) or client';
  COMMENT ON COLUMN mesh_nodes.region IS 'Where it stands, as its operator says';
  COMMENT ON COLUMN mesh_nodes.urls IS 'Its addresses: turn:, turns:, stun:, ws: or wss:';
  COMMENT ON COLUMN mesh_nodes.capacity_kbps IS 'What it can carry, if known';
  COMMENT ON COLUMN mesh_nodes.state IS 'up, draining (no new calls) or down';
  COMMENT ON COLUMN mesh_nodes.labels IS 'Operator''s own labels';
  COMMENT ON COLUMN mesh_nodes.registered_by IS 'Subject of the token that registered it';
  COMMENT ON COLUMN mesh_nodes.registered_at IS 'First registration';
  COMMENT ON COLUMN mesh_nodes.last_seen_at IS 'Last registration or heartbeat';

  CREATE TABLE mesh_routes (
    route_id uuid PRIMARY KEY,
    from_node text NOT NULL,
    to_node text NOT NULL,
    media text NOT NULL CHECK (media IN ('audio', 'video')),
    kind text NOT NULL CHECK (kind IN ('direct', 'relay', 'two_relays', 'sfu', 'turn_tls')),
    hops text[] NOT NULL DEFAULT '{}',
    rtt_ms real CHECK (rtt_ms >= 0),
    jitter_ms real CHECK (jitter_ms >= 0),
    loss_ratio real CHECK (loss_ratio BETWEEN 0 AND 1),
    mos real CHECK (mos BETWEEN 1 AND 5),
    mos_low real CHECK (mos_low BETWEEN 1 AND 5),
    mos_high real CHECK (mos_high BETWEEN 1 AND 5),
    reason text NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
  );
  CREATE INDEX mesh_routes_pair_idx ON mesh_routes (from_node, to_node, media);
  CREATE INDEX mesh_routes_expires_idx ON mesh_routes (expires_at);
  COMMENT ON TABLE mesh_routes IS 'Cached routes with their predicted quality; null where it is unknown';
  COMMENT ON COLUMN mesh_routes.route_id IS 'UUIDv7';
  COMMENT ON COLUMN mesh_routes.from_node IS 'Where the media starts';
  COMMENT ON COLUMN mesh_routes.to_node IS 'Where it goes';
  COMMENT ON COLUMN mesh_routes.media IS 'audio or video';
  COMMENT ON COLUMN mesh_routes.kind IS 'direct, relay, two_relays, sfu or turn_tls';
  COMMENT ON COLUMN mesh_routes.hops IS 'Nodes on the way, in order';
  COMMENT ON COLUMN mesh_routes.rtt_ms IS 'Predicted round-trip time, ms';
  COMMENT ON COLUMN mesh_routes.jitter_ms IS 'Predicted jitter, ms';
  COMMENT ON COLUMN mesh_routes.loss_ratio IS 'Predicted loss, 0 to 1';
  COMMENT ON COLUMN mesh_routes.mos IS 'Predicted mean opinion score (ITU-T G.107)';
  COMMENT ON COLUMN mesh_routes.mos_low IS 'Lower end of its interval';
  COMMENT ON COLUMN mesh_routes.mos_high IS 'Upper end of its interval';
  COMMENT ON COLUMN mesh_routes.reason IS 'Why this route stands where it stands';
  COMMENT ON COLUMN mesh_routes.computed_at IS 'When it was computed';
  COMMENT ON COLUMN mesh_routes.expires_at IS 'After this it is not used';

  CREATE TABLE trust_scores (
    person_id uuid PRIMARY KEY REFERENCES aura_id_registry ON DELETE CASCADE,
    score real NOT NULL CHECK (score BETWEEN 0 AND 100),
    score_low real NOT NULL CHECK (score_low BETWEEN 0 AND 100),
    score_high real NOT NULL CHECK (score_high BETWEEN 0 AND 100),
    components jsonb NOT NULL,
    reasons jsonb NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (score_low <= score AND score <= score_high)
  );
  COMMENT ON TABLE trust_scores IS 'A person''s score with its interval and its reasons; empty until scores are computed';
  COMMENT ON COLUMN trust_scores.person_id IS 'Whose score';
  COMMENT ON COLUMN trust_scores.score IS '0 to 100';
  COMMENT ON COLUMN trust_scores.score_low IS 'Lower end of its interval';
  COMMENT ON COLUMN trust_scores.score_high IS 'Upper end of its interval';
  COMMENT ON COLUMN trust_scores.components IS 'What it is made of';
  COMMENT ON COLUMN trust_scores.reasons IS 'Why, in words that can be shown';
  COMMENT ON COLUMN trust_scores.computed_at IS 'When it was computed';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('006_phase6_auraid_mesh_schema.sql', 'sha256:d4c30916c8618552a30339f38995c961f98210a77088bbb7bd47bf0543008642');
END
$migration$;
