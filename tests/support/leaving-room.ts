/** The stage of tests about leaving: a database, key ring and audit log that are real, and people with something to lose. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openKeyRing } from '../../auralink-communication-service/adapters/key-ring-file.ts';
import { createVault } from '../../auralink-communication-service/auralink-modules/auraid/data-keys.ts';
import {
  ERASE_TOPIC,
  type ErasureDeps,
  erasureHandler,
} from '../../auralink-communication-service/auralink-modules/auraid/erasure.ts';
import { exportAll } from '../../auralink-communication-service/auralink-modules/auraid/export.ts';
import { createNames } from '../../auralink-communication-service/auralink-modules/auraid/names-service.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { type EndpointId, newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import { auditStore } from '../../auralink-communication-service/store/audit.ts';
import { contactStore } from '../../auralink-communication-service/store/contacts.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { erasureStore } from '../../auralink-communication-service/store/erasure.ts';
import { createEventLog } from '../../auralink-communication-service/store/event-log.ts';
import { exportStore } from '../../auralink-communication-service/store/export.ts';
import { nameStore } from '../../auralink-communication-service/store/names.ts';
import { createOutbox } from '../../auralink-communication-service/store/outbox.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';
import { rateLimiter } from '../../auralink-communication-service/store/rate-limits.ts';
import { dashboardEvents } from '../../auralink-communication-service/store/webhooks.ts';
import { testDatabase } from '../harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'aura-leaving-'));
const key = (id: string) => ({ id, key: randomBytes(32).toString('base64url') });
writeFileSync(
  join(folder, 'ring.json'),
  JSON.stringify({
    ...{ version: 1, current: 'k1', indexCurrent: 'i1', indexKeys: [key('i1')] },
    keys: [{ ...key('k1'), createdAt: new Date().toISOString() }],
  }),
  { mode: 0o600 },
);
const db = openDatabase(await testDatabase());
after(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});
export const { pool, unitOfWork } = db;
const ring = openKeyRing(join(folder, 'ring.json'), systemClock, { warn: () => {} });
export const vault = createVault({ keys: personKeyStore(pool), ring, newId, randomBytes });
const names = nameStore(pool);
/** What the homeserver was asked to deactivate, and how often it refuses before it does. */
export const deactivated: string[] = [];
export const homeserver = { refusals: 0 };
export const revoked: EndpointId[] = [];
export const deps: ErasureDeps = {
  unitOfWork,
  store: erasureStore(pool),
  sessions: names,
  // Only what an erasure asks of names.
  names: createNames({ names, newId } as never),
  contacts: contactStore(pool),
  log: createEventLog(pool),
  outbox: createOutbox(pool, newId),
  dashboard: dashboardEvents(newId),
  audit: auditStore(),
  cache: { changed: (people: readonly PersonId[]) => people.forEach(vault.forget) },
  ...{ endpointRevoked: (id: EndpointId) => void revoked.push(id), deletePictures: async () => {} },
  eraseAccount: async (userId) => {
    homeserver.refusals -= 1;
    if (homeserver.refusals >= 0) throw new Error('the homeserver is away');
    deactivated.push(userId);
  },
};
export const exporting = {
  unitOfWork,
  store: exportStore(pool),
  vault,
  limiter: rateLimiter(pool),
  audit: deps.audit,
};

export interface Made {
  readonly personId: PersonId;
  readonly auraId: string;
  readonly endpointId: string;
  readonly fieldId: string;
}

export async function person(handle: string): Promise<Made> {
  const personId = newId() as PersonId;
  const auraId = `@${handle}.aura`;
  const [endpointId, fieldId] = [newId(), newId()];
  await pool.query(
    `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, display_name, registration_key, state, activated_at)
     VALUES ($1::uuid, $2, $3, $4, $1::uuid::text, 'active', now())`,
    [personId, auraId, handle, `Name of ${handle}`],
  );
  await pool.query(
    `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
     VALUES ($2, $1, 'active', true, 'provisioned'), ($3, $1, 'active', false, 'sign_in')`,
    [personId, `@u${handle}:aura.example`, `@own-${handle}:aura.example`],
  );
  await pool.query(
    `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes)
     VALUES ('chat', 'Chat', '💬', '{}', '{}', '{}') ON CONFLICT DO NOTHING`,
  );
  await pool.query(
    `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes, user_agent)
     VALUES ($1, $2, 'chat', $3::text, '{contacts.read}', 'Browser of ' || $3::text)`,
    [endpointId, personId, handle],
  );
  await pool.query('INSERT INTO endpoint_streams (endpoint_id) VALUES ($1)', [endpointId]);
  await unitOfWork.run(async (tx) => {
    const place = { table: 'personal_fields', column: 'envelope', row: fieldId };
    const envelope = await vault.seal(tx, personId, place, Buffer.from(`${handle}@example.com`));
    // The row is written beside the transaction that makes the key; nothing else needs them together here.
    await pool.query(
      `INSERT INTO personal_fields (field_id, person_id, kind, envelope) VALUES ($1, $2, 'email', $3)`,
      [fieldId, personId, envelope],
    );
  });
  return { personId, auraId, endpointId, fieldId };
}

export async function note(from: Made, about: Made, text: string): Promise<void> {
  const noteId = newId();
  const place = { table: 'contact_notes', column: 'note_envelope', row: noteId };
  const envelope = await unitOfWork.run((tx) => vault.seal(tx, from.personId, place, Buffer.from(text)));
  await pool.query(
    'INSERT INTO contact_notes (note_id, person_id, contact_person_id, note_envelope) VALUES ($1, $2, $3, $4)',
    [noteId, from.personId, about.personId, envelope],
  );
}

export async function call(from: Made, to: Made): Promise<string> {
  const callId = newId();
  await pool.query(
    `INSERT INTO cross_app_calls (call_id, caller_person_id, caller_aura_id, caller_endpoint_id, caller_app_id, media,
       state, end_reason, idempotency_key, ended_at)
     VALUES ($1::uuid, $2, $3, $4, 'chat', 'audio', 'ended', 'missed', $1::uuid::text, now())`,
    [callId, from.personId, from.auraId, from.endpointId],
  );
  await pool.query(
    `INSERT INTO call_invitations (invitation_id, call_id, callee_person_id, callee_aura_id, state, reason, deadline_at, ended_at)
     VALUES ($1, $2, $3, $4, 'missed', 'timed_out', now(), now())`,
    [newId(), callId, to.personId, to.auraId],
  );
  return callId;
}

export const one = async (sql: string, values: unknown[] = []): Promise<Record<string, unknown>> =>
  (await pool.query(sql, values)).rows[0] ?? {};
export const exported = (who: Made) => exportAll(exporting, who.personId, new Date());
/** Hands the erasure of this person to its handler, as the outbox would. */
export async function runErasure(who: Made): Promise<void> {
  const { payload } = await one(
    "SELECT payload FROM outbox_events WHERE topic = $1 AND payload ->> 'personId' = $2",
    [ERASE_TOPIC, who.personId],
  );
  await erasureHandler(deps)(payload as object, newId());
}
