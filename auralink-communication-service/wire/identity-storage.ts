/** Builds the vault, in which personal data lie, and the audit log from their adapters. */
import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { createAuditHeadsFile } from '../adapters/audit-heads-file.ts';
import { openKeyRing } from '../adapters/key-ring-file.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import {
  type BlindIndexer,
  createBlindIndexer,
  createSecretDigests,
  type SecretDigests,
} from '../auralink-modules/auraid/blind-index.ts';
import { createVault, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import type { Place } from '../auralink-modules/auraid/envelope.ts';
import { KeyRingError, type KeyRingSource } from '../auralink-modules/auraid/key-ring.ts';
import { ConfigError } from '../config.ts';
import type { IdentityMetrics } from '../auralink-modules/auraid/ports.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import { auditStore, withHeads } from '../store/audit.ts';
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
  readonly ring: KeyRingSource;
  readonly vault: Vault;
  readonly indexer: BlindIndexer;
  readonly secrets: SecretDigests;
  readonly audit: Audit;
  /** While the database still answers. */
  close(): Promise<void>;
}

export function wireStorage(
  base: Omit<Base, 'processId'>,
  metrics: Pick<IdentityMetrics, 'audited' | 'rewrapped' | 'unreadable'>,
): StoragePart {
  const { config, db, clock, log, newId } = base;
  const ring = keyRingOf(base);
  const unreadable = ({ table, column, row }: Place): void => {
    metrics.unreadable(table);
    log.error(
      { table, column, row },
      'a stored value cannot be opened; it is left out where it would be shown',
    );
  };
  const vault = createVault({ keys: personKeyStore(db.pool), ring, newId, randomBytes, unreadable });
  const heads = createAuditHeadsFile(config.AUDIT_HEADS_PATH);
  const exportHeads = async (): Promise<void> => {
    const chains = await withHeads(db, (found) => heads.append(found, clock.now()));
    if (chains > 0)
      log.info({ chains, path: config.AUDIT_HEADS_PATH }, 'heads of the audit log are exported');
  };
  const chores: Chore[] = [
    {
      job: 'identity.audit_heads',
      everySeconds: AUDIT_HEADS_SECONDS,
      run: exportHeads,
    },
  ];
  if (config.KEY_RING_PATH !== '') {
    chores.push({
      job: 'identity.rewrap',
      everySeconds: REWRAP_SECONDS,
      run: rewrapper(vault, log, metrics),
    });
  }
  return {
    plugins: [],
    chores,
    outboxHandlers: new Map(),
    ring,
    vault,
    indexer: createBlindIndexer(ring),
    secrets: createSecretDigests(ring),
    audit: auditStore(metrics.audited),
    // What was written since the last round would else be without a witness until the next start.
    close: () => exportHeads().catch((err) => log.warn({ err }, 'heads of the audit log were not exported')),
  };
}

/** Throws ConfigError. */
export function keyRingOf({ config, clock, log }: Pick<Base, 'config' | 'clock' | 'log'>): KeyRingSource {
  try {
    return openKeyRing(config.KEY_RING_PATH, clock, log);
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    throw new ConfigError([
      `KEY_RING_PATH: ${error.message}; it must be the key ring that wrapped the data keys in this database: ` +
        '`./aura up` makes one at the first start, and a backup holds it',
    ]);
  }
}

/** Says how many data keys cannot be opened whenever that changes, and not each time. */
function rewrapper(
  vault: Vault,
  log: Base['log'],
  metrics: Pick<IdentityMetrics, 'rewrapped'>,
): () => Promise<void> {
  let told = 0;
  return async () => {
    const { rewrapped, unreadable } = await vault.rewrap();
    metrics.rewrapped(rewrapped);
    if (rewrapped > 0) log.info({ rewrapped }, 'data keys are wrapped anew');
    if (unreadable !== told) log.warn({ unreadable }, 'data keys that no key of the ring opens');
    told = unreadable;
  };
}
