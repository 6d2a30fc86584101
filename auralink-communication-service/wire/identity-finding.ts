/** Builds finding people by e-mail address or number, and the chore that makes digests anew after a rotation. */
import type { FastifyPluginAsync } from 'fastify';
import { type BlindIndexer, reindex } from '../auralink-modules/auraid/blind-index.ts';
import type { Vault } from '../auralink-modules/auraid/data-keys.ts';
import { createFindPeople } from '../auralink-modules/auraid/finding.ts';
import type { PersonId } from '../core/ids.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { findRoutes } from '../http/find-routes.ts';
import { blindIndexStores, findByDigest } from '../store/finding.ts';
import type { Base, Chore } from './base.ts';

/** How often digests are made anew that another index key than the current one made. */
export const REINDEX_SECONDS = 10;

export interface FindingNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly vault: Pick<Vault, 'open'>;
  readonly indexer: BlindIndexer;
  readonly countLookUp: (personId: PersonId) => Promise<void>;
}

export interface FindingPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
}

export function wireFinding(base: Omit<Base, 'processId'>, needs: FindingNeeds): FindingPart {
  const { auth, vault, indexer, countLookUp } = needs;
  const { db, config, log } = base;
  const stores = blindIndexStores(db.pool);
  let told = 0;
  const run = async (): Promise<void> => {
    let [reindexed, unreadable] = [0, 0];
    for (const store of stores) {
      const done = await reindex({ store, vault, indexer });
      reindexed += done.reindexed;
      unreadable += done.unreadable;
    }
    if (reindexed > 0) log.info({ reindexed }, 'digests of addresses and numbers are made anew');
    if (unreadable !== told) log.warn({ unreadable }, 'addresses and numbers that cannot be opened');
    told = unreadable;
  };
  const findPeople = createFindPeople({ find: findByDigest(db.pool), indexer, vault });
  return {
    plugins: [findRoutes({ auth, findPeople, countLookUp })] as FastifyPluginAsync[],
    chores:
      config.KEY_RING_PATH === '' ? [] : [{ job: 'identity.reindex', everySeconds: REINDEX_SECONDS, run }],
  };
}
