-- 027_matrix_media.sql
-- Pictures that we uploaded to the homeserver: each is written down before its bytes are there, and marked for deletion
-- by the database itself as soon as no account shows it any more, whatever statement brought that about.
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '027_matrix_media.sql') THEN RETURN; END IF;

  CREATE TABLE matrix_media (
    mxc_url text PRIMARY KEY,
    matrix_user_id text NOT NULL,
    delete_at timestamptz
  );
  CREATE INDEX matrix_media_account_idx ON matrix_media (matrix_user_id);
  CREATE INDEX matrix_media_due_idx ON matrix_media (delete_at) WHERE delete_at IS NOT NULL;
  COMMENT ON TABLE matrix_media IS 'Pictures of ours in the homeserver''s media store; nothing else there is ours to delete';
  COMMENT ON COLUMN matrix_media.mxc_url IS 'mxc: URL; its place is reserved before this row is written, and its bytes are sent after that';
  COMMENT ON COLUMN matrix_media.matrix_user_id IS 'Account that it was uploaded for';
  COMMENT ON COLUMN matrix_media.delete_at IS 'When it is to be deleted there: at once when it is not shown any more, later when it has not been shown yet; null while it is shown';
  INSERT INTO matrix_media (mxc_url, matrix_user_id)
    SELECT shown_picture_url, matrix_user_id FROM matrix_user_mappings WHERE shown_picture_url IS NOT NULL
    ON CONFLICT DO NOTHING;

  CREATE FUNCTION matrix_media_mark() RETURNS trigger LANGUAGE plpgsql AS $mark$
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF NEW.shown_picture_url IS NOT DISTINCT FROM OLD.shown_picture_url THEN RETURN NULL; END IF;
      UPDATE matrix_media SET delete_at = NULL WHERE mxc_url = NEW.shown_picture_url;
    END IF;
    UPDATE matrix_media SET delete_at = now() WHERE mxc_url = OLD.shown_picture_url;
    RETURN NULL;
  END
  $mark$;
  CREATE TRIGGER matrix_user_mappings_mark_media AFTER UPDATE OF shown_picture_url OR DELETE ON matrix_user_mappings
    FOR EACH ROW EXECUTE FUNCTION matrix_media_mark();
  COMMENT ON FUNCTION matrix_media_mark() IS 'Keeps a picture while an account shows it, and has it deleted as soon as none does';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('027_matrix_media.sql', 'sha256:777ec8b6fef246451ba237ff40a7743641bfdc60f8ff11fdf249a0692f9aae5f');
END
$migration$;
