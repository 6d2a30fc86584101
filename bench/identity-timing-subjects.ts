/**
 * The people of the timing bench: private ones and blocking ones, who have a picture, a text and a
 * number to hide, and those who have nothing to show, made in turns so that where
 * their rows and index entries lie says nothing of their class; names that nobody has; and who asks, with limits that
 * are not met.
 */
import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import { ABOUT_MAX_LENGTH } from '../auralink-communication-service/auralink-modules/auraid/personal-data.ts';
import { png, pngPixels } from '../tests/support/pictures.ts';
import type { TestEndpoint, TestPerson, World } from '../tests/support/world.ts';
import type { LookupSubjects } from './identity-timing-lookup.ts';
import type { MatrixSubjects } from './identity-timing-matrix.ts';
import { type Class, emailOf, type HiddenClass } from './identity-timing-surfaces.ts';

const PEOPLE_A_CLASS = 500;
/** So many that none asks as often as a limit allows, with three classes at a surface. */
const VIEWERS = 750;
/** Fields that are sent at the same time. */
const LANES = 4;
/** Of each picture of those who hide, about: the smallest one, with a chunk of noise. */
const PICTURE_BYTES = 100_000;
const PICTURE = png(1, 1, { extra: [pngPixels(randomBytes(PICTURE_BYTES).toString('latin1'))] });
const HIDDEN_NAME = 'Somebody with a name';
const KINDS = ['private', 'blocking', 'bare'] as const;
const RULES: Readonly<
  Record<HiddenClass | 'bare', { visibility: string; name: string | null; byEmail: string }>
> = {
  private: { visibility: 'private', name: HIDDEN_NAME, byEmail: 'private' },
  blocking: { visibility: 'public', name: HIDDEN_NAME, byEmail: 'public' },
  bare: { visibility: 'friends', name: null, byEmail: 'public' },
};
const SCOPES = ['call.place', 'call.receive', 'profile.read', 'contacts.read', 'contacts.write'];

/** Whom a request is about; its viewer is one of many, so that limits are not met. */
export interface Subjects {
  readonly names: Readonly<Record<Class, readonly string[]>>;
  readonly viewers: readonly TestEndpoint[];
  /** Who makes the load; their limits are their own. */
  readonly others: readonly TestEndpoint[];
  readonly matrix: MatrixSubjects | null;
  readonly lookup: LookupSubjects;
}

/** All have names and devices; those who hide show a name or would, and are online. */
export async function makeSubjects(
  publicUrl: string,
  world: World,
): Promise<Omit<Subjects, 'matrix' | 'lookup'>> {
  await world.app('chat');
  const tag = randomBytes(3).toString('hex');
  const everybody = await world.people(`p${tag}`, PEOPLE_A_CLASS * KINDS.length);
  const made = (kind: Class) => everybody.filter((_, i) => KINDS[i % KINDS.length] === kind);
  const viewers = await makeViewers(world, `v${tag}`);
  const others = await makeViewers(world, `o${tag}`);
  const endpoints = await world.endpoints(everybody, 'chat');
  await say(publicUrl, endpoints, ({ auraId }) => [
    { method: 'POST', path: '/me/fields', body: { kind: 'email', value: emailOf(auraId) } },
  ]);
  const hiding = endpoints.filter((_, i) => KINDS[i % KINDS.length] !== 'bare');
  await say(publicUrl, hiding, (_, nth) => everythingOf(nth));
  const ids = (people: readonly TestPerson[]) => people.map((person) => person.personId);
  await setRules(world, ids(everybody));
  await world.db.query("UPDATE personal_fields SET verified_at = now() WHERE kind = 'email'");
  await world.db.query(
    `INSERT INTO person_blocks (person_id, blocked_person_id, blocked_as)
     SELECT b.id, v.person_id, v.aura_id FROM unnest($1::uuid[]) AS b (id), aura_id_registry v
     WHERE v.person_id = ANY ($2)`,
    [ids(made('blocking')), viewers.map((viewer) => viewer.person.personId)],
  );
  await world.db.query(
    `INSERT INTO endpoint_sockets (socket_id, endpoint_id, process_id)
     SELECT gen_random_uuid(), e.endpoint_id, (SELECT process_id FROM service_processes LIMIT 1)
     FROM endpoints e WHERE e.person_id = ANY ($1)`,
    [ids(hiding.map((one) => one.person))],
  );
  await world.db.query('ANALYZE');
  const names = (people: readonly TestPerson[]) => people.map((person) => person.auraId);
  return {
    names: {
      private: names(made('private')),
      blocking: names(made('blocking')),
      bare: names(made('bare')),
      // As long as the others' in the middle.
      unclaimed: Array.from({ length: PEOPLE_A_CLASS }, (_, i) => `@n${tag}${i * KINDS.length}.aura`),
    },
    ...{ viewers, others },
  };
}

/** All in one statement each, in the order in which they were made. */
async function setRules(world: World, ids: readonly string[]): Promise<void> {
  const each = ids.map((_, i) => RULES[KINDS[i % KINDS.length] ?? 'bare']);
  await world.db.query(
    `UPDATE aura_id_registry SET display_name = r.name, visibility = r.visibility
     FROM unnest($1::uuid[], $2::text[], $3::text[]) AS r (person_id, name, visibility)
     WHERE aura_id_registry.person_id = r.person_id`,
    [ids, each.map((rules) => rules.name), each.map((rules) => rules.visibility)],
  );
  await world.db.query(
    `UPDATE person_privacy SET find_by_email = r.by_email
     FROM unnest($1::uuid[], $2::text[]) AS r (person_id, by_email)
     WHERE person_privacy.person_id = r.person_id`,
    [ids, each.map((rules) => rules.byEmail)],
  );
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

interface Said {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly body: object | Buffer;
}

/** Whoever hides has what there is to hide: a long text, a number, and a picture of some size. */
function everythingOf(nth: number): Said[] {
  return [
    { method: 'PUT', path: '/me/profile', body: { about: 'x'.repeat(ABOUT_MAX_LENGTH) } },
    { method: 'POST', path: '/me/fields', body: { kind: 'phone', value: `+4915112${100_000 + nth}` } },
    { method: 'PUT', path: '/me/picture', body: PICTURE },
  ];
}

/** Each says it through the door. */
async function say(
  publicUrl: string,
  endpoints: readonly TestEndpoint[],
  what: (person: TestPerson, nth: number) => readonly Said[],
): Promise<void> {
  const client = new Pool(publicUrl, { connections: LANES });
  const waiting = endpoints.flatMap(({ token, person }, nth) =>
    what(person, nth).map((said) => ({ token, said })),
  );
  const lane = async (): Promise<void> => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const { method, path, body } = one.said;
      const isPicture = Buffer.isBuffer(body);
      const answer = await client.request({
        ...{ method, path: `/_auralink/v1${path}` },
        headers: {
          authorization: `Bearer ${one.token}`,
          'content-type': isPicture ? 'image/png' : 'application/json',
        },
        body: isPicture ? body : JSON.stringify(body),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`${path} was refused: ${answer.statusCode} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await client.close();
}
