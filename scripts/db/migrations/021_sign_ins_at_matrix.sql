-- 021_sign_ins_at_matrix.sql
-- When which device of a Matrix account was made by a sign-in, because Synapse does not tell: an order to end devices,
-- carried out after Synapse was away, spares those that came after it was given (ADR 23).
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
  IF EXISTS (SELECT FROM schema_migrations WHERE file = '021_sign_ins_at_matrix.sql') THEN RETURN; END IF;

  CREATE TABLE matrix_sign_ins (
    matrix_user_id text NOT NULL REFERENCES matrix_user_mappings ON DELETE CASCADE,
    device_id text NOT NULL,
    signed_in_at timestamptz NOT NULL,
    PRIMARY KEY (matrix_user_id, device_id)
  );
  CREATE INDEX matrix_sign_ins_at_idx ON matrix_sign_ins (signed_in_at);
  COMMENT ON TABLE matrix_sign_ins IS 'Devices that a sign-in through our door made at Synapse, of accounts that are somebody''s; deleted after some weeks';
  COMMENT ON COLUMN matrix_sign_ins.matrix_user_id IS 'Which account';
  COMMENT ON COLUMN matrix_sign_ins.device_id IS 'Synapse''s name of the device';
  COMMENT ON COLUMN matrix_sign_ins.signed_in_at IS 'When the sign-in was asked for, by this database''s clock';

  -- Orders that wait: they mean what there was when they were given.
  UPDATE outbox_events SET payload = jsonb_build_object('at', created_at, 'accounts', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('userId', account, 'deviceIds', NULL)), '[]')
    FROM jsonb_array_elements(payload -> 'accounts') AS account))
  WHERE topic = 'identity.end_devices';

  INSERT INTO schema_migrations (file, checksum)
  VALUES ('021_sign_ins_at_matrix.sql', 'sha256:a65f89ce728264e9e8d3b14f64953cb7155f7b7032e7812034d040c2f5f1ab63');
END
$migration$;
