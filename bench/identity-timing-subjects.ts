/**
 * The people of the timing bench: private ones, blocking ones, and those who show nothing, each a class of its own with
 * handles of one length; names that nobody has; and who asks, with limits that are not met.
 */
import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import type { TestEndpoint, TestPerson, World } from '../tests/support/world.ts';
import type { MatrixSubjects } from './identity-timing-matrix.ts';
import { type Class, emailOf, type HiddenClass } from './identity-timing-surfaces.ts';

const PEOPLE_A_CLASS = 500;
/** So many that none asks as often as a limit allows, with three classes at a surface. */
const VIEWERS = 750;
/** Fields that are sent at the same time. */
const LANES = 4;
const HIDDEN_NAME = 'Somebody with a name';
const SCOPES = ['call.place', 'call.receive', 'profile.read', 'contacts.read', 'contacts.write'];

/** Whom a request is about; its viewer is one of many, so that limits are not met. */
export interface Subjects {
  readonly names: Readonly<Record<Class, readonly string[]>>;
  readonly viewers: readonly TestEndpoint[];
  /** Who makes the load; their limits are their own. */
  readonly others: readonly TestEndpoint[];
  readonly matrix: MatrixSubjects | null;
}

/** All have names and devices; those who hide show a name or would, and are online. */
export async function makeSubjects(publicUrl: string, world: World): Promise<Omit<Subjects, 'matrix'>> {
  await world.app('chat');
  const tag = randomBytes(3).toString('hex');
  const made: Record<HiddenClass | 'bare', readonly TestPerson[]> = {
    private: await world.people(`p${tag}`, PEOPLE_A_CLASS),
    blocking: await world.people(`k${tag}`, PEOPLE_A_CLASS),
    bare: await world.people(`b${tag}`, PEOPLE_A_CLASS),
  };
  const viewers = await makeViewers(world, `v${tag}`);
  const others = await makeViewers(world, `o${tag}`);
  const everybody = [...made.private, ...made.blocking, ...made.bare];
  await proveEmails(publicUrl, await world.endpoints(everybody, 'chat'));
  const ids = (people: readonly TestPerson[]) => people.map((person) => person.personId);
  await setRules(world, ids(made.private), { visibility: 'private', name: HIDDEN_NAME, byEmail: 'private' });
  await setRules(world, ids(made.blocking), { visibility: 'public', name: HIDDEN_NAME, byEmail: 'public' });
  await setRules(world, ids(made.bare), { visibility: 'friends', name: null, byEmail: 'public' });
  await world.db.query("UPDATE personal_fields SET verified_at = now() WHERE kind = 'email'");
  await world.db.query(
    `INSERT INTO person_blocks (person_id, blocked_person_id)
     SELECT b.id, v.id FROM unnest($1::uuid[]) AS b (id), unnest($2::uuid[]) AS v (id)`,
    [ids(made.blocking), viewers.map((viewer) => viewer.person.personId)],
  );
  await world.db.query(
    `INSERT INTO endpoint_sockets (socket_id, endpoint_id, process_id)
     SELECT gen_random_uuid(), e.endpoint_id, (SELECT process_id FROM service_processes LIMIT 1)
     FROM endpoints e WHERE e.person_id = ANY ($1)`,
    [ids([...made.private, ...made.blocking])],
  );
  await world.db.query('ANALYZE');
  const names = (people: readonly TestPerson[]) => people.map((person) => person.auraId);
  return {
    names: {
      private: names(made.private),
      blocking: names(made.blocking),
      bare: names(made.bare),
      unclaimed: Array.from({ length: PEOPLE_A_CLASS }, (_, i) => `@n${tag}${i}.aura`),
    },
    ...{ viewers, others },
  };
}

async function setRules(
  world: World,
  ids: readonly string[],
  rules: { visibility: string; name: string | null; byEmail: string },
): Promise<void> {
  await world.db.query(
    'UPDATE aura_id_registry SET display_name = $2, visibility = $3 WHERE person_id = ANY ($1)',
    [ids, rules.name, rules.visibility],
  );
  await world.db.query('UPDATE person_privacy SET find_by_email = $2 WHERE person_id = ANY ($1)', [
    ids,
    rules.byEmail,
  ]);
}

/** With the rights of an app that may not manage the account. */
async function makeViewers(world: World, prefix: string): Promise<TestEndpoint[]> {
  const viewers = await world.endpoints(await world.people(prefix, VIEWERS), 'chat');
  await world.db.query('UPDATE endpoints SET scopes = $2 WHERE endpoint_id = ANY ($1)', [
    viewers.map((viewer) => viewer.endpointId),
    SCOPES,
  ]);
  return await Promise.all(
    viewers.map(async (viewer) => ({ ...viewer, token: await world.token(viewer, { scopes: SCOPES }) })),
  );
}

/** Each says her address. */
async function proveEmails(publicUrl: string, endpoints: readonly TestEndpoint[]): Promise<void> {
  const client = new Pool(publicUrl, { connections: LANES });
  const waiting = [...endpoints];
  const lane = async (): Promise<void> => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const { token, person } = one;
      const answer = await client.request({
        ...{ method: 'POST', path: '/_auralink/v1/me/fields' },
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'email', value: emailOf(person.auraId) }),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 201) throw new Error(`a field was refused: ${answer.statusCode} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await client.close();
}
