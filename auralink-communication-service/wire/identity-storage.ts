/** Builds the vault, in which personal data lie, and the audit log from their adapters. */
import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { createAuditHeadsFile } from '../adapters/audit-heads-file.ts';
import { openKeyRing } from '../adapters/key-ring-file.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import { createVault, REWRAP_BATCH, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import { auditStore, readHeads } from '../store/audit.ts';
import { personKeyStore } from '../store/person-keys.ts';
import type { Base, Chore } from './base.ts';

/** How often data keys are wrapped anew after the ring was rotated. */
export const REWRAP_SECONDS = 10;
/** How often the heads of the audit log's chains are exported, if any has grown. */
export const AUDIT_HEADS_SECONDS = 60;

export interface StoragePart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  readonly vault: Vault;
  readonly audit: Audit;
}

export function wireStorage(base: Omit<Base, 'processId'>): StoragePart {
  const { config, db, clock, log, newId } = base;
  const ring = openKeyRing(config.KEY_RING_PATH, clock, log);
  const vault = createVault({ keys: personKeyStore(db.pool), ring, newId, randomBytes });
  const heads = createAuditHeadsFile(config.AUDIT_HEADS_PATH);
  const chores: Chore[] = [
    {
      job: 'identity.audit_heads',
      everySeconds: AUDIT_HEADS_SECONDS,
      run: async () => heads.append(await readHeads(db.pool), clock.now()),
    },
  ];
  if (config.KEY_RING_PATH !== '') {
    chores.push({
      job: 'identity.rewrap',
      everySeconds: REWRAP_SECONDS,
      run: async () => {
        while ((await vault.rewrap()) === REWRAP_BATCH);
      },
    });
  }
  return { plugins: [], chores, outboxHandlers: new Map(), vault, audit: auditStore() };
}
