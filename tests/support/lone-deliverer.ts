/** A process that sends webhooks and nothing else, to be killed: argv holds the database's address and the Dashboard's. */
import { pino } from 'pino';
import { webhookPoster } from '../../auralink-communication-service/adapters/webhook-post.ts';
import { deliverDue } from '../../auralink-communication-service/auralink-modules/dashboard/deliver.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { type DatabaseAddress, openDatabase } from '../../auralink-communication-service/store/db.ts';
import { deliveryStore } from '../../auralink-communication-service/store/webhook-deliveries.ts';

const [address = '', url = '', masterSecret = ''] = process.argv.slice(2);
const db = openDatabase(JSON.parse(address) as DatabaseAddress);
await deliverDue({
  ...{ masterSecret, clock: systemClock, chance: () => 1, log: pino({ level: 'silent' }) },
  metrics: { webhookTried: () => {} },
  store: deliveryStore(db.pool),
  post: webhookPoster(url, 4).post,
});
