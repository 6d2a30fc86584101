/**
 * Over two whole processes, with and without Redis: what is remembered of people and sessions is dropped by the wake bus,
 * well before it would have lapsed by itself.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Client } from 'undici';
import { SESSION_CACHE_MS } from '../../auralink-communication-service/http/endpoint-auth.ts';
import type { Phone } from '../support/phone.ts';
import { openStage } from '../support/stage.ts';

/** Enough connections to reach both processes. */
const CONNECTIONS = 12;
/** Half of what an answer lives: only the news can have been quicker. */
const BY_NEWS_MS = SESSION_CACHE_MS / 2;

const stages = [
  { redis: false, stage: await openStage('remembered-without-redis', { redis: false }) },
  { redis: true, stage: await openStage('remembered-with-redis', { redis: true }) },
];

for (const { redis, stage } of stages) {
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(stage.world.publicUrl));
  after(() => Promise.all(clients.map((client) => client.close())));

  /** What every connection is answered, the same question at the same moment. */
  const everywhere = async (phone: Phone, path: string) =>
    await Promise.all(
      clients.map(async (client) => {
        const headers = { authorization: `Bearer ${phone.endpoint.token}` };
        const answer = await client.request({ method: 'GET', path: `/_auralink/v1${path}`, headers });
        return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> };
      }),
    );
  const becomes = async (
    phone: Phone,
    path: string,
    is: (answer: { status: number; body: Record<string, unknown> }) => boolean,
  ) => {
    const startMs = performance.now();
    while (!(await everywhere(phone, path)).every(is)) {
      assert.ok(performance.now() - startMs < BY_NEWS_MS, 'the old answer still lives somewhere');
    }
  };

  describe(`what processes remember, ${redis ? 'with' : 'without'} Redis`, () => {
    it('an endpoint that was signed out is refused everywhere at once', async () => {
      const person = await stage.person();
      const phone = await stage.phone(person, { connect: false });
      const other = await stage.phone(person, { connect: false });
      assert.ok((await everywhere(phone, '/me')).every(({ status }) => status === 200));
      const ended = await other.request(
        'DELETE',
        `/_auralink/v1/me/sessions/app:${phone.endpoint.endpointId}`,
      );
      assert.equal(ended.status, 204, JSON.stringify(ended.body));
      await becomes(phone, '/me', ({ status }) => status === 401);
      assert.ok((await everywhere(other, '/me')).every(({ status }) => status === 200));
    });

    it('a changed rule, a block and a new name show at once', async () => {
      const [alice, bob] = await Promise.all([stage.person(), stage.person()]);
      await stage.world.db.query("UPDATE aura_id_registry SET display_name = 'Alice' WHERE person_id = $1", [
        alice.personId,
      ]);
      const [hers, his] = await Promise.all([
        stage.phone(alice, { connect: false }),
        stage.phone(bob, { connect: false }),
      ]);
      const path = `/resolve/${alice.auraId}`;
      const change = async (method: string, to: string, body?: object) => {
        assert.ok((await everywhere(his, path)).every(({ status }) => status === 200));
        const answer = await hers.request(method, `/_auralink/v1${to}`, body);
        assert.ok(answer.status < 300, `${to}: ${answer.status} ${JSON.stringify(answer.body)}`);
      };
      await change('PATCH', '/me/privacy', { name: 'private' });
      await becomes(his, path, ({ body }) => body.displayName === null);
      await change('PATCH', '/me/privacy', { name: 'public' });
      await becomes(his, path, ({ body }) => body.displayName === 'Alice');
      await change('PUT', `/blocks/${bob.auraId}`);
      await becomes(his, path, ({ body }) => body.displayName === null);
      await change('DELETE', `/blocks/${bob.auraId}`);
      await becomes(his, path, ({ body }) => body.displayName === 'Alice');
      const renamed = `${alice.auraId.slice(0, -'.aura'.length)}.new.aura`;
      await change('PUT', '/me/name', { auraId: renamed });
      await becomes(his, `/resolve/${renamed}`, ({ status }) => status === 200);
      await becomes(his, path, ({ body }) => body.displayName === 'Alice');
    });
  });
}
