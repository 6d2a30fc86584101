/**
 * The Matrix surfaces of the timing bench, through the public door: the profile and its fields, and the directory, of
 * people who share a room with the viewer. The private ones had a name that everybody saw until they made their profile
 * private; the blocking ones show theirs to everybody and have blocked the viewer; those who are bare show nothing.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import type { TestPerson, World } from '../tests/support/world.ts';

/** Accounts of each class; each joins one room, which takes Synapse a moment. */
const ACCOUNTS_A_CLASS = 20;

const KINDS = ['private', 'blocking', 'bare'] as const;
const NAME = 'Somebody with a name';
const PROFILE_POLL_MS = 50;

export interface MatrixSubjects {
  readonly token: string;
  readonly names: Readonly<Record<'private' | 'blocking' | 'bare', readonly string[]>>;
}

/** Makes the accounts, people and blocks. */
export async function makeMatrixSubjects(
  { settings, urls }: Constellation,
  world: World,
): Promise<MatrixSubjects> {
  const asToken = settings.config.APPSERVICE_AS_TOKEN;
  const call = async (method: string, path: string, token: string, body: object) => {
    let answer: Response;
    do {
      answer = await fetch(`${urls.synapse}/_matrix/client/v3/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
      // A crowd that joins at once is told to take its time.
      if (answer.status === 429)
        await sleep(((await answer.clone().json()) as { retry_after_ms: number }).retry_after_ms);
    } while (answer.status === 429);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, string>;
  };
  await world.app('chat');
  const tag = randomBytes(4).toString('hex');
  const people = await world.people(`m${tag}`, ACCOUNTS_A_CLASS * KINDS.length + 1);
  const accounts: { userId: string; token: string }[] = [];
  for (const person of people) {
    const username = `u${randomBytes(16).toString('hex')}`;
    const made = await call('POST', 'register', asToken, { type: 'm.login.application_service', username });
    const account = { userId: made.user_id ?? '', token: made.access_token ?? '' };
    accounts.push(account);
    await world.db.query(
      `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
       VALUES ($1, $2, 'active', true, 'provisioned')`,
      [account.userId, person.personId],
    );
  }
  const [viewer, ...others] = accounts;
  if (viewer === undefined) throw new Error('no account was made');
  await liftLimit(
    urls.synapse,
    settings.config.SYNAPSE_ADMIN_PASSWORD,
    settings.config.SYNAPSE_SERVER_NAME,
    viewer.userId,
  );
  const room = await call('POST', 'createRoom', viewer.token, { preset: 'public_chat' });
  const names = { private: [] as string[], blocking: [] as string[], bare: [] as string[] };
  for (const [i, { userId, token }] of others.entries()) {
    // In turns, so that the order in which they joined says nothing.
    const kind = KINDS[i % KINDS.length] ?? 'bare';
    const person = people[i + 1] as TestPerson;
    names[kind].push(userId);
    await world.db.query(
      'UPDATE aura_id_registry SET display_name = $2, visibility = $3 WHERE person_id = $1',
      [person.personId, kind === 'bare' ? null : NAME, kind === 'bare' ? 'friends' : 'public'],
    );
    await call('PUT', `profile/${encodeURIComponent(userId)}/displayname`, token, {
      displayname: kind === 'bare' ? '' : NAME,
    });
    await call('POST', `join/${encodeURIComponent(room.room_id ?? '')}`, token, {});
    if (kind === 'private') await makePrivate(urls, world, person, { userId, token });
    if (kind === 'blocking') {
      await world.db.query(
        'INSERT INTO person_blocks (person_id, blocked_person_id, blocked_as) SELECT $1, person_id, aura_id FROM aura_id_registry WHERE person_id = $2',
        [person.personId, people[0]?.personId],
      );
    }
  }
  return { token: viewer.token, names };
}

/** As she does it herself: by our API, which takes her name away at Synapse; that is waited for. */
async function makePrivate(
  urls: Constellation['urls'],
  world: World,
  person: TestPerson,
  { userId, token }: { userId: string; token: string },
): Promise<void> {
  const hers = await world.endpoint(person, 'chat');
  const answer = await fetch(`${urls.public}/_auralink/v1/me/privacy`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${hers.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ profile: 'private' }),
  });
  if (!answer.ok) throw new Error(`privacy answered ${answer.status}: ${await answer.text()}`);
  const shown = async (): Promise<boolean> => {
    const profile = await fetch(`${urls.synapse}/_matrix/client/v3/profile/${encodeURIComponent(userId)}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return (await profile.text()).includes(NAME);
  };
  // A run that hangs is cut short by its constellation.
  while (await shown()) await sleep(PROFILE_POLL_MS);
}

/** The bench asks more often than a person does, and wants to know what is answered, not how often one may ask. */
async function liftLimit(
  synapse: string,
  password: string,
  serverName: string,
  userId: string,
): Promise<void> {
  const post = async (path: string, body: object, token?: string) => {
    const answer = await fetch(`${synapse}${path}`, {
      method: 'POST',
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return (await answer.json()) as Record<string, string>;
  };
  const identifier = { type: 'm.id.user', user: `@auralink-admin:${serverName}` };
  const admin = await post('/_matrix/client/v3/login', { type: 'm.login.password', identifier, password });
  await post(
    `/_synapse/admin/v1/users/${encodeURIComponent(userId)}/override_ratelimit`,
    { messages_per_second: 0, burst_count: 0 },
    admin.access_token,
  );
}
