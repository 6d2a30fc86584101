/** Orders to end Matrix devices against a homeserver in memory that answers late, or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DeviceOrder,
  type DeviceOrderDeps,
  endDevicesHandler,
  order,
  tryNow,
} from '../../auralink-communication-service/auralink-modules/auraid/device-orders.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';
import type { Tx } from '../../auralink-communication-service/core/unit-of-work.ts';

const userId = '@alice:aura.example' as UserId;
const tx = {} as Tx;
const given: DeviceOrder = { at: '2026-11-23T07:00:00Z', accounts: [{ userId, deviceIds: null }] };

function homeserver(...there: string[]) {
  const devices = new Set(there);
  const later = new Set<string>();
  const waiting = new Map<string, object>();
  const state = { listing: true, ending: true };
  const away = () => new AuraError('unavailable', 'away');
  let nth = 0;
  const deps: DeviceOrderDeps = {
    unitOfWork: { run: (work) => work(tx) },
    devices: {
      list: async () => {
        if (!state.listing) throw away();
        return [...devices].map((deviceId) => ({ deviceId, label: null, lastSeenAt: null }));
      },
      end: async (_userId, deviceIds) => {
        if (!state.ending) throw away();
        for (const deviceId of deviceIds) devices.delete(deviceId);
      },
    },
    signIns: {
      note: async () => {},
      findSince: async (_userId, deviceIds) => new Set(deviceIds.filter((deviceId) => later.has(deviceId))),
      prune: async () => 0,
    },
    outbox: {
      enqueue: async (_tx, _topic, payload) => void waiting.set(`event ${nth++}`, payload),
      enqueueLater: async (_tx, _topic, payload) => {
        const eventId = `event ${nth++}`;
        waiting.set(eventId, payload);
        return eventId;
      },
      withdraw: async (_tx, eventId) => waiting.delete(eventId),
    },
  };
  return {
    ...{ deps, devices, later, waiting, state },
    give: async (what: DeviceOrder) => tryNow(deps, what, await order(deps, tx, what)),
    /** As the outbox does. */
    deliver: async () => {
      for (const [eventId, payload] of [...waiting]) {
        await endDevicesHandler(deps)(payload, eventId);
        waiting.delete(eventId);
      }
    },
  };
}

test('an order is carried out at once where it can be, and then nothing waits', async () => {
  const { devices, waiting, give } = homeserver('a', 'b');
  await give(given);
  assert.deepEqual([[...devices], waiting.size], [[], 0]);
});

test('a homeserver that lists and then is silent is told later which devices were meant, and no other', async () => {
  const { devices, waiting, state, give, deliver } = homeserver('a', 'b');
  state.ending = false;
  await give(given);
  assert.deepEqual([...waiting.values()], [{ at: given.at, accounts: [{ userId, deviceIds: ['a', 'b'] }] }]);
  devices.add('a device that nobody noted');
  state.ending = true;
  await deliver();
  assert.deepEqual([...devices], ['a device that nobody noted']);
});

test('one session that is signed out while the homeserver is silent ends later, and only that one', async () => {
  const { devices, state, give, deliver } = homeserver('a', 'b');
  state.ending = false;
  await give({ at: given.at, accounts: [{ userId, deviceIds: ['a'] }] });
  state.ending = true;
  await deliver();
  assert.deepEqual([...devices], ['b']);
});

test('a homeserver that was away altogether lists devices that came later: they stay', async () => {
  const { devices, later, state, give, deliver } = homeserver('a', 'b');
  state.listing = false;
  await give(given);
  devices.add('c');
  later.add('c');
  state.listing = true;
  await deliver();
  assert.deepEqual([...devices], ['c']);
});

test('a fault that is no absence is told, and the order stays', async () => {
  const { deps, waiting, give } = homeserver('a');
  Object.assign(deps.devices, { end: async () => assert.fail('of a test') });
  await assert.rejects(give(given), /of a test/);
  assert.equal(waiting.size, 1);
});
