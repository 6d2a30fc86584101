-- 013_privacy_and_contacts.sql
-- Who may see, find, call and write to whom: privacy settings, friends, blocks, lists, notes, invite codes.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '013_privacy_and_contacts.sql') THEN RETURN; END IF;

  CREATE DOMAIN audience AS text CHECK (VALUE IN ('public', 'friends', 'private'));
  COMMENT ON DOMAIN audience IS 'public: everybody who is not blocked; friends; private: nobody but herself';

  CREATE TABLE person_privacy (
    person_id uuid PRIMARY KEY REFERENCES aura_id_registry ON DELETE CASCADE,
    show_name audience NOT NULL DEFAULT 'public',
    show_picture audience NOT NULL DEFAULT 'public',
    show_about audience NOT NULL DEFAULT 'public',
    show_verifications audience NOT NULL DEFAULT 'public',
    show_apps audience NOT NULL DEFAULT 'private',
    show_presence audience NOT NULL DEFAULT 'friends',
    may_call audience NOT NULL DEFAULT 'public',
    may_message audience NOT NULL DEFAULT 'public',
    find_by_email audience NOT NULL DEFAULT 'private',
    find_by_phone audience NOT NULL DEFAULT 'private',
    show_number audience NOT NULL DEFAULT 'private',
    updated_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 80);
  COMMENT ON TABLE person_privacy IS 'One row a person, made with her; aura_id_registry.visibility is the whole profile''s switch above it';
  COMMENT ON COLUMN person_privacy.person_id IS 'Whose settings';
  COMMENT ON COLUMN person_privacy.show_name IS 'Who sees the display name';
  COMMENT ON COLUMN person_privacy.show_picture IS 'Who sees the picture';
  COMMENT ON COLUMN person_privacy.show_about IS 'Who sees the text about her';
  COMMENT ON COLUMN person_privacy.show_verifications IS 'Who sees what she has proved';
  COMMENT ON COLUMN person_privacy.show_apps IS 'Who sees in which apps she can be reached';
  COMMENT ON COLUMN person_privacy.show_presence IS 'Who sees whether she is online';
  COMMENT ON COLUMN person_privacy.may_call IS 'Whose calls ring';
  COMMENT ON COLUMN person_privacy.may_message IS 'Whose messages are let through';
  COMMENT ON COLUMN person_privacy.find_by_email IS 'Who finds her by an e-mail address that she proved';
  COMMENT ON COLUMN person_privacy.find_by_phone IS 'Who finds her by a number that she proved';
  COMMENT ON COLUMN person_privacy.show_number IS 'Who sees her number';
  COMMENT ON COLUMN person_privacy.updated_at IS 'Last change';

  CREATE FUNCTION person_privacy_make() RETURNS trigger LANGUAGE plpgsql AS $make$
  BEGIN
    INSERT INTO person_privacy (person_id) VALUES (NEW.person_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
  END
  $make$;
  CREATE TRIGGER aura_id_registry_make_privacy AFTER INSERT ON aura_id_registry
    FOR EACH ROW EXECUTE FUNCTION person_privacy_make();
  COMMENT ON FUNCTION person_privacy_make() IS 'Every person has settings from the first moment, so that no look-up differs by their absence';
  INSERT INTO person_privacy (person_id) SELECT person_id FROM aura_id_registry;

  CREATE TABLE person_blocks (
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    blocked_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, blocked_person_id),
    CHECK (person_id <> blocked_person_id)
  );
  CREATE INDEX person_blocks_blocked_idx ON person_blocks (blocked_person_id);
  COMMENT ON TABLE person_blocks IS 'Who has blocked whom; the blocked one is never told';
  COMMENT ON COLUMN person_blocks.person_id IS 'Who blocked';
  COMMENT ON COLUMN person_blocks.blocked_person_id IS 'Whom';
  COMMENT ON COLUMN person_blocks.created_at IS 'When';

  CREATE TABLE friendships (
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    friend_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, friend_person_id),
    CHECK (person_id <> friend_person_id)
  );
  CREATE INDEX friendships_friend_idx ON friendships (friend_person_id);
  COMMENT ON TABLE friendships IS 'Friends: always two rows, one for each side, written and deleted together';
  COMMENT ON COLUMN friendships.person_id IS 'One side';
  COMMENT ON COLUMN friendships.friend_person_id IS 'The other side';
  COMMENT ON COLUMN friendships.created_at IS 'Since when';

  CREATE TABLE friend_requests (
    request_id uuid PRIMARY KEY,
    from_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    to_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'declined', 'withdrawn')),
    screened boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    CHECK (from_person_id <> to_person_id),
    CHECK ((state = 'pending') = (decided_at IS NULL))
  );
  CREATE UNIQUE INDEX friend_requests_pending_idx ON friend_requests (from_person_id, to_person_id) WHERE state = 'pending';
  CREATE INDEX friend_requests_pair_idx ON friend_requests (from_person_id, to_person_id);
  CREATE INDEX friend_requests_to_idx ON friend_requests (to_person_id) WHERE state = 'pending' AND NOT screened;
  CREATE INDEX friend_requests_created_idx ON friend_requests (created_at);
  COMMENT ON TABLE friend_requests IS 'Who asked whom; a declined or screened one stays pending for who asked';
  COMMENT ON COLUMN friend_requests.request_id IS 'UUIDv7';
  COMMENT ON COLUMN friend_requests.from_person_id IS 'Who asks';
  COMMENT ON COLUMN friend_requests.to_person_id IS 'Who is asked';
  COMMENT ON COLUMN friend_requests.state IS 'pending, accepted, declined (the asker sees pending), withdrawn';
  COMMENT ON COLUMN friend_requests.screened IS 'She who is asked has blocked the asker, or declined her shortly before: never shown to her';
  COMMENT ON COLUMN friend_requests.created_at IS 'When it was asked; old ones are deleted';
  COMMENT ON COLUMN friend_requests.decided_at IS 'When it was decided';

  CREATE TABLE contact_lists (
    list_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    name_envelope bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX contact_lists_person_idx ON contact_lists (person_id);
  COMMENT ON TABLE contact_lists IS 'A person''s own lists of friends';
  COMMENT ON COLUMN contact_lists.list_id IS 'UUIDv7';
  COMMENT ON COLUMN contact_lists.person_id IS 'Whose list';
  COMMENT ON COLUMN contact_lists.name_envelope IS 'Its name, encrypted';
  COMMENT ON COLUMN contact_lists.created_at IS 'When it was made';

  CREATE TABLE contact_list_members (
    list_id uuid NOT NULL REFERENCES contact_lists ON DELETE CASCADE,
    contact_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    PRIMARY KEY (list_id, contact_person_id)
  );
  CREATE INDEX contact_list_members_contact_idx ON contact_list_members (contact_person_id);
  COMMENT ON TABLE contact_list_members IS 'Who is on a list';
  COMMENT ON COLUMN contact_list_members.list_id IS 'Which list';
  COMMENT ON COLUMN contact_list_members.contact_person_id IS 'Who is on it';

  CREATE TABLE contact_notes (
    note_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    contact_person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    note_envelope bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (person_id, contact_person_id)
  );
  CREATE INDEX contact_notes_contact_idx ON contact_notes (contact_person_id);
  COMMENT ON TABLE contact_notes IS 'What a person wrote down for herself about somebody';
  COMMENT ON COLUMN contact_notes.note_id IS 'UUIDv7; bound into the encryption';
  COMMENT ON COLUMN contact_notes.person_id IS 'Who wrote it';
  COMMENT ON COLUMN contact_notes.contact_person_id IS 'About whom';
  COMMENT ON COLUMN contact_notes.note_envelope IS 'The note, encrypted';
  COMMENT ON COLUMN contact_notes.updated_at IS 'Last change';

  CREATE TABLE invite_codes (
    invite_id uuid PRIMARY KEY,
    code_hash bytea NOT NULL UNIQUE,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    label_envelope bytea,
    uses_max integer NOT NULL CHECK (uses_max BETWEEN 1 AND 1000),
    uses integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND uses_max),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
  );
  CREATE INDEX invite_codes_person_idx ON invite_codes (person_id);
  CREATE INDEX invite_codes_expires_idx ON invite_codes (expires_at);
  COMMENT ON TABLE invite_codes IS 'Codes and links by which a stranger becomes a friend without being findable';
  COMMENT ON COLUMN invite_codes.invite_id IS 'UUIDv7';
  COMMENT ON COLUMN invite_codes.code_hash IS 'SHA-256 of the code (128 random bits); the code is shown once';
  COMMENT ON COLUMN invite_codes.person_id IS 'Who invites';
  COMMENT ON COLUMN invite_codes.label_envelope IS 'What she calls it, encrypted';
  COMMENT ON COLUMN invite_codes.uses_max IS 'How many people it lets in';
  COMMENT ON COLUMN invite_codes.uses IS 'How many it has let in';
  COMMENT ON COLUMN invite_codes.created_at IS 'When it was made';
  COMMENT ON COLUMN invite_codes.expires_at IS 'When it lapses';
  COMMENT ON COLUMN invite_codes.revoked_at IS 'When she took it back';

  CREATE TABLE invite_uses (
    invite_id uuid NOT NULL REFERENCES invite_codes ON DELETE CASCADE,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (invite_id, person_id)
  );
  CREATE INDEX invite_uses_person_idx ON invite_uses (person_id);
  COMMENT ON TABLE invite_uses IS 'Who came by which code: a repeat counts once';
  COMMENT ON COLUMN invite_uses.invite_id IS 'Which code';
  COMMENT ON COLUMN invite_uses.person_id IS 'Who used it';
  COMMENT ON COLUMN invite_uses.used_at IS 'When';

  ALTER TABLE call_invitations ADD COLUMN screened boolean NOT NULL DEFAULT false;
  COMMENT ON COLUMN call_invitations.screened IS 'The callee''s rules keep this caller out: it rings nowhere, and she is not shown it';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('013_privacy_and_contacts.sql', 'sha256:d39b9dbeb320d08362d92591b5b5c86f98af0a6d020dc7e2f04a3936e1fe0b64');
END
$migration$;
