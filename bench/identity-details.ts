/**
 * What people of the bench tell of themselves: every tenth has a text about herself and an app, sealed with a data key of
 * her own as the service does it, so that looking her up opens a key and an envelope.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import {
  fieldPlace,
  KEY_BYTES,
  sealValue,
  wrapKey,
} from '../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import type { KeyRingSource } from '../auralink-communication-service/auralink-modules/auraid/key-ring.ts';
import type { PersonId } from '../auralink-communication-service/core/ids.ts';

/** One of so many has details. */
export const DETAILED_ONE_OF = 10;
const BATCH = 10_000;
const ABOUT =
  'I write letters by hand and answer most of them. Mornings are best; if it is urgent, ring twice.';

const INSERT = `WITH made AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::uuid[], $5::bytea[])
      AS m (person_id, data_key_id, wrapped, field_id, envelope)
  ), keys AS (
    INSERT INTO person_keys (person_id, data_key_id, ring_key_id, wrapped_key)
    SELECT person_id, data_key_id, $6, wrapped FROM made
  ), fields AS (
    INSERT INTO personal_fields (field_id, person_id, kind, envelope)
    SELECT field_id, person_id, 'about', envelope FROM made
  ), rules AS (
    UPDATE person_privacy p SET show_about = 'public', show_apps = 'public' FROM made WHERE made.person_id = p.person_id
  )
  INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes)
  SELECT gen_random_uuid(), person_id, $7, 'bench-' || person_id, '{call.receive}' FROM made`;

/** Of the people that `loadPeople` made. */
export async function loadDetails(db: pg.Pool, ring: KeyRingSource, appId: string): Promise<number> {
  const { rows } = await db.query<{ person_id: PersonId }>(
    `SELECT person_id FROM aura_id_registry WHERE registration_key LIKE 'bench:%'
       AND substring(display_name FROM 8)::int % $1 = 0`,
    [DETAILED_ONE_OF],
  );
  const { current } = ring.current();
  for (let from = 0; from < rows.length; from += BATCH) {
    const made = rows.slice(from, from + BATCH).map(({ person_id: personId }) => {
      const dataKey = { id: randomUUID() as string, key: randomBytes(KEY_BYTES) };
      const fieldId: string = randomUUID();
      return {
        ...{ personId, fieldId, dataKeyId: dataKey.id },
        wrapped: wrapKey(current, personId, dataKey, randomBytes),
        envelope: sealValue(dataKey, fieldPlace(fieldId), Buffer.from(ABOUT), randomBytes),
      };
    });
    await db.query(INSERT, [
      made.map((one) => one.personId),
      made.map((one) => one.dataKeyId),
      made.map((one) => one.wrapped),
      made.map((one) => one.fieldId),
      made.map((one) => one.envelope),
      current.id,
      appId,
    ]);
  }
  await db.query('VACUUM ANALYZE person_keys, personal_fields, endpoints, person_privacy');
  return rows.length;
}
