-- 025_documents.sql
-- Identity documents that people send in: their lines and pictures, encrypted, and what reviewers said of them.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '025_documents.sql') THEN RETURN; END IF;

  CREATE TABLE identity_documents (
    document_id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'pending', 'asked', 'approved', 'rejected', 'withdrawn')),
    decided_by text CHECK (decided_by IN ('reviewers', 'chip')),
    lines_envelope bytea,
    reason text CHECK (reason ~ '^[a-z_]{1,64}$'),
    missing text[] NOT NULL DEFAULT '{}',
    note_envelope bytea,
    round integer NOT NULL DEFAULT 0 CHECK (round >= 0),
    claimed_by uuid REFERENCES aura_id_registry,
    claimed_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    decided_at timestamptz,
    delete_at timestamptz,
    CHECK (claimed_by IS NULL OR claimed_by <> person_id),
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CHECK (state <> 'pending' OR (sent_at IS NOT NULL AND lines_envelope IS NOT NULL))
  );
  CREATE INDEX identity_documents_person_idx ON identity_documents (person_id, created_at);
  CREATE UNIQUE INDEX identity_documents_live_idx ON identity_documents (person_id) WHERE state IN ('open', 'pending', 'asked');
  CREATE INDEX identity_documents_waiting_idx ON identity_documents (sent_at) WHERE state = 'pending';
  CREATE INDEX identity_documents_claimed_idx ON identity_documents (claimed_by) WHERE claimed_by IS NOT NULL;
  CREATE INDEX identity_documents_delete_idx ON identity_documents (delete_at) WHERE delete_at IS NOT NULL;
  CREATE INDEX identity_documents_draft_idx ON identity_documents (updated_at) WHERE state IN ('open', 'asked');
  COMMENT ON TABLE identity_documents IS 'Identity documents that people sent in, to be seen by reviewers or proven by their chip';
  COMMENT ON COLUMN identity_documents.document_id IS 'UUIDv7; bound into the encryption';
  COMMENT ON COLUMN identity_documents.person_id IS 'Whose';
  COMMENT ON COLUMN identity_documents.state IS 'open, pending, asked, approved, rejected, withdrawn';
  COMMENT ON COLUMN identity_documents.decided_by IS 'reviewers or chip; null: not decided';
  COMMENT ON COLUMN identity_documents.lines_envelope IS 'The machine readable zone, encrypted; null once it was deleted';
  COMMENT ON COLUMN identity_documents.reason IS 'Why it was rejected';
  COMMENT ON COLUMN identity_documents.missing IS 'What a reviewer asked for';
  COMMENT ON COLUMN identity_documents.note_envelope IS 'What a reviewer wrote to her, encrypted';
  COMMENT ON COLUMN identity_documents.round IS 'How often it was sent; verdicts count within one round';
  COMMENT ON COLUMN identity_documents.claimed_by IS 'The reviewer who has it';
  COMMENT ON COLUMN identity_documents.claimed_until IS 'Until when it is hers to decide';
  COMMENT ON COLUMN identity_documents.created_at IS 'When it was begun';
  COMMENT ON COLUMN identity_documents.updated_at IS 'Last change by her or a reviewer';
  COMMENT ON COLUMN identity_documents.sent_at IS 'When it was last sent to the reviewers';
  COMMENT ON COLUMN identity_documents.decided_at IS 'When it was decided';
  COMMENT ON COLUMN identity_documents.delete_at IS 'When lines and pictures are deleted; null: not yet decided, or done';

  CREATE TABLE document_images (
    image_id uuid PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES identity_documents ON DELETE CASCADE,
    person_id uuid NOT NULL REFERENCES aura_id_registry ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('front', 'back')),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    bytes integer NOT NULL CHECK (bytes > 0),
    envelope bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (document_id, side)
  );
  ALTER TABLE document_images ALTER COLUMN envelope SET STORAGE EXTERNAL;
  CREATE INDEX document_images_person_idx ON document_images (person_id);
  COMMENT ON TABLE document_images IS 'Pictures of identity documents, encrypted; deleted some days after the decision';
  COMMENT ON COLUMN document_images.image_id IS 'UUIDv7; bound into the encryption';
  COMMENT ON COLUMN document_images.document_id IS 'Of which document';
  COMMENT ON COLUMN document_images.person_id IS 'Whose';
  COMMENT ON COLUMN document_images.side IS 'front or back';
  COMMENT ON COLUMN document_images.width IS 'Pixels';
  COMMENT ON COLUMN document_images.height IS 'Pixels';
  COMMENT ON COLUMN document_images.bytes IS 'Size of the picture itself';
  COMMENT ON COLUMN document_images.envelope IS 'The picture, encrypted';
  COMMENT ON COLUMN document_images.created_at IS 'When it was uploaded';

  CREATE TABLE document_reviews (
    review_id uuid PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES identity_documents ON DELETE CASCADE,
    reviewer_person_id uuid NOT NULL REFERENCES aura_id_registry,
    round integer NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('approve', 'reject', 'ask')),
    reason text CHECK (reason ~ '^[a-z_]{1,64}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (document_id, round, reviewer_person_id)
  );
  CREATE INDEX document_reviews_reviewer_idx ON document_reviews (reviewer_person_id, created_at);
  COMMENT ON TABLE document_reviews IS 'What reviewers said; one verdict a reviewer and round';
  COMMENT ON COLUMN document_reviews.review_id IS 'UUIDv7';
  COMMENT ON COLUMN document_reviews.document_id IS 'Of which document';
  COMMENT ON COLUMN document_reviews.reviewer_person_id IS 'Who said it; never its owner';
  COMMENT ON COLUMN document_reviews.round IS 'In which round';
  COMMENT ON COLUMN document_reviews.verdict IS 'approve, reject, ask';
  COMMENT ON COLUMN document_reviews.reason IS 'Why she rejected it';
  COMMENT ON COLUMN document_reviews.created_at IS 'When';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('025_documents.sql', 'sha256:c145c99477eec068086dfed864614d7b2f380c6aa60daf676c3af295c1482a84');
END
$migration$;
