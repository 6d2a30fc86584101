/** Erases people anew who had been erased before an older backup was brought back. */
import { type EraseDeps, eraseAgain } from '../auralink-modules/auraid/erasure.ts';
import { holdForErased } from '../auralink-modules/auraid/names-service.ts';
import type { Config } from '../config.ts';
import { type NewId, newId, type PersonId } from '../core/ids.ts';
import { auditStore } from '../store/audit.ts';
import { contactStore } from '../store/contacts.ts';
import type { Db } from '../store/db.ts';
import { erasureStore } from '../store/erasure.ts';
import { createEventLog } from '../store/event-log.ts';
import { nameStore } from '../store/names.ts';
import { createOutbox } from '../store/outbox.ts';
import { dashboardEventsOf } from './dashboard.ts';

/** False for whoever is not there, or erased in this database too. The rest follows by the outbox, once the service runs. */
export function eraserOf(
  { pool, unitOfWork }: Db,
  config: Config,
  makeId: NewId = newId,
): (personId: PersonId) => Promise<boolean> {
  const names = nameStore(pool);
  const deps: EraseDeps = {
    unitOfWork,
    store: erasureStore(pool),
    sessions: names,
    names: { holdForErased: (tx, personId) => holdForErased({ names, newId: makeId }, tx, personId) },
    contacts: contactStore(pool),
    log: createEventLog(pool),
    outbox: createOutbox(pool, makeId),
    dashboard: dashboardEventsOf({ config, newId: makeId }),
    audit: auditStore(),
  };
  return (personId) => eraseAgain(deps, personId);
}
