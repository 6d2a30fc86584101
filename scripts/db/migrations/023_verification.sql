-- 023_verification.sql
-- What people prove: its level, the address that it is about, and the codes that are sent for it.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '023_verification.sql') THEN RETURN; END IF;

  ALTER TABLE aura_id_verifications
    ADD COLUMN level text CHECK (level IN ('email_controlled', 'phone_controlled', 'document_seen', 'document_proven')),
    ADD COLUMN field_id uuid REFERENCES personal_fields ON DELETE SET NULL,
    ADD COLUMN index_key_id text,
    ADD COLUMN subject_envelope bytea,
    ADD COLUMN reason text CHECK (reason ~ '^[a-z_]{1,64}$'),
    ADD COLUMN reminded_at timestamptz,
    ADD COLUMN ended_at timestamptz,
    DROP CONSTRAINT aura_id_verifications_state_check,
    ADD CONSTRAINT aura_id_verifications_state_check
      CHECK (state IN ('pending', 'verified', 'rejected', 'withdrawn', 'expired', 'superseded'));
  UPDATE aura_id_verifications SET level =
    CASE method WHEN 'email' THEN 'email_controlled' WHEN 'phone' THEN 'phone_controlled' ELSE 'document_seen' END;
  UPDATE aura_id_verifications SET ended_at = updated_at WHERE state NOT IN ('pending', 'verified');
  -- What made these digests is not known: without them, nothing is taken for the same address as another.
  UPDATE aura_id_verifications SET subject_index = NULL;
  ALTER TABLE aura_id_verifications
    ALTER COLUMN level SET NOT NULL,
    ADD CHECK ((subject_index IS NULL) = (index_key_id IS NULL)),
    ADD CHECK ((ended_at IS NULL) = (state IN ('pending', 'verified'))),
    ADD CHECK (ended_at IS NULL OR subject_index IS NULL);
  DROP INDEX aura_id_verifications_subject_idx;
  CREATE UNIQUE INDEX aura_id_verifications_subject_idx ON aura_id_verifications (level, subject_index) WHERE state = 'verified';
  CREATE INDEX aura_id_verifications_index_key_idx ON aura_id_verifications (index_key_id, verification_id) WHERE index_key_id IS NOT NULL;
  CREATE INDEX aura_id_verifications_field_idx ON aura_id_verifications (field_id) WHERE field_id IS NOT NULL;
  CREATE INDEX aura_id_verifications_expiry_idx ON aura_id_verifications (expires_at) WHERE state = 'verified';
  CREATE INDEX aura_id_verifications_pending_idx ON aura_id_verifications (updated_at) WHERE state = 'pending';
  CREATE INDEX aura_id_verifications_ended_idx ON aura_id_verifications (ended_at) WHERE ended_at IS NOT NULL;
  COMMENT ON COLUMN aura_id_verifications.state IS 'pending, verified, rejected, withdrawn, expired, superseded';
  COMMENT ON COLUMN aura_id_verifications.level IS 'What is proved once it is verified: email_controlled, phone_controlled, document_seen, document_proven';
  COMMENT ON COLUMN aura_id_verifications.field_id IS 'The proved address among her personal fields, whose verified_at is set while this holds';
  COMMENT ON COLUMN aura_id_verifications.index_key_id IS 'Which key made the digest';
  COMMENT ON COLUMN aura_id_verifications.subject_envelope IS 'The address or document, encrypted, for herself and for making digests anew';
  COMMENT ON COLUMN aura_id_verifications.reason IS 'Why it ended';
  COMMENT ON COLUMN aura_id_verifications.reminded_at IS 'When she was told that it will lapse';
  COMMENT ON COLUMN aura_id_verifications.ended_at IS 'When it ceased to hold or to be waited for';

  CREATE TABLE verification_challenges (
    challenge_id uuid PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('proof', 'password')),
    verification_id uuid REFERENCES aura_id_verifications ON DELETE CASCADE,
    person_id uuid REFERENCES aura_id_registry ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    link_hash bytea,
    secret_envelope bytea,
    tries smallint NOT NULL DEFAULT 0,
    sends smallint NOT NULL DEFAULT 1,
    message_id uuid,
    delivery text,
    delivery_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN ('used', 'tries', 'replaced', 'expired', 'withdrawn')),
    CHECK (purpose = 'password' OR verification_id IS NOT NULL),
    CHECK ((verification_id IS NULL) = (person_id IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK (ended_at IS NULL OR secret_envelope IS NULL)
  );
  CREATE UNIQUE INDEX verification_challenges_live_idx ON verification_challenges (verification_id, purpose)
    WHERE ended_at IS NULL AND verification_id IS NOT NULL;
  CREATE INDEX verification_challenges_verification_idx ON verification_challenges (verification_id, created_at) WHERE verification_id IS NOT NULL;
  CREATE UNIQUE INDEX verification_challenges_link_idx ON verification_challenges (link_hash) WHERE link_hash IS NOT NULL;
  CREATE INDEX verification_challenges_message_idx ON verification_challenges (message_id) WHERE message_id IS NOT NULL;
  CREATE INDEX verification_challenges_person_idx ON verification_challenges (person_id) WHERE person_id IS NOT NULL;
  CREATE INDEX verification_challenges_expiry_idx ON verification_challenges (expires_at);
  CREATE INDEX verification_challenges_open_idx ON verification_challenges (expires_at) WHERE ended_at IS NULL;
  COMMENT ON TABLE verification_challenges IS 'Codes that were sent to an address, to prove that it is hers or to set a new password';
  COMMENT ON COLUMN verification_challenges.challenge_id IS 'UUIDv7';
  COMMENT ON COLUMN verification_challenges.purpose IS 'proof: the address becomes proved; password: it is, and lets her set a new password';
  COMMENT ON COLUMN verification_challenges.verification_id IS 'What is, or was, proved; null for one that was asked for in vain, which nothing was sent for';
  COMMENT ON COLUMN verification_challenges.person_id IS 'Whose; null as above';
  COMMENT ON COLUMN verification_challenges.code_hash IS 'Keyed digest of the code';
  COMMENT ON COLUMN verification_challenges.link_hash IS 'Keyed digest of the token in the link of an e-mail';
  COMMENT ON COLUMN verification_challenges.secret_envelope IS 'Code and token, encrypted, for sending them again; wiped when it ends';
  COMMENT ON COLUMN verification_challenges.tries IS 'Wrong codes so far';
  COMMENT ON COLUMN verification_challenges.sends IS 'How often it was sent';
  COMMENT ON COLUMN verification_challenges.message_id IS 'The message that carried it last';
  COMMENT ON COLUMN verification_challenges.delivery IS 'What became of that message';
  COMMENT ON COLUMN verification_challenges.delivery_reason IS 'Why it was refused or failed';
  COMMENT ON COLUMN verification_challenges.created_at IS 'When the code was made';
  COMMENT ON COLUMN verification_challenges.sent_at IS 'When it was sent last';
  COMMENT ON COLUMN verification_challenges.expires_at IS 'From then on it is refused';
  COMMENT ON COLUMN verification_challenges.ended_at IS 'When it was used or died';
  COMMENT ON COLUMN verification_challenges.end_reason IS 'used, tries, replaced, expired, withdrawn';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('023_verification.sql', 'sha256:02ce0d930268845c65920b54d2da8b080b536df711ce934a57cf7f21dd4b00bd');
END
$migration$;
