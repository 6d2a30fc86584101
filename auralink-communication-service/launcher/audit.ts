/** `./aura audit verify`: whether the audit log is whole, against itself and against the heads that were exported. */
import { resolve } from 'node:path';
import { findExportedHeads } from '../adapters/audit-heads-file.ts';
import {
  type AuditFault,
  type AuditVerdict,
  type ChainHead,
  verifyAudit,
} from '../auralink-modules/auraid/audit-verify.ts';
import { auditReader } from '../store/audit.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import { FrontDoorError } from './errors.ts';
import { PROJECT_ROOT } from './layout.ts';

/** Exit codes. */
const WHOLE = 0;
const ALTERED = 1;

const SAYS: Readonly<Record<AuditFault['fault'], string>> = {
  missing: 'is missing',
  altered: 'was altered',
  cut_off: 'and what followed the last one found were cut off',
  head_wrong: 'is not what the chain’s head, or an exported one, says',
};

export interface VerifyOptions extends CommonOptions {
  /** File of exported heads, which must be there; default: AUDIT_HEADS_PATH, where nothing may have been exported yet. */
  readonly heads?: string;
}

/** 0 when the log is whole, 1 when it is not. Throws FrontDoorError when it cannot be told. */
export async function runVerifyAudit(options: VerifyOptions): Promise<number> {
  const result = await withDatabase(layoutFor(options), 'aura-audit', async ({ pool }, config) => {
    const heads = headsOf(options.heads, config.AUDIT_HEADS_PATH);
    return { ...(await verifyAudit(auditReader(pool), heads ?? [])), headsCompared: heads?.length ?? null };
  });
  console.log(options.json ? JSON.stringify(result) : describe(result));
  return result.faults.length === 0 ? WHOLE : ALTERED;
}

function headsOf(asked: string | undefined, configured: string): ChainHead[] | null {
  if (asked === undefined)
    return configured === '' ? null : findExportedHeads(resolve(PROJECT_ROOT, configured));
  const heads = findExportedHeads(asked);
  if (heads === null) throw new FrontDoorError(`--heads: there is no file ${asked}.`);
  return heads;
}

/** `headsCompared` null: there is no file of exported heads. */
function describe({
  entries,
  faults,
  headsCompared,
}: AuditVerdict & { headsCompared: number | null }): string {
  if (faults.length === 0) {
    const against =
      headsCompared === null
        ? 'No exported heads were compared: there is no such file, so an end that was cut off would not show.'
        : `It was held against ${headsCompared} exported heads.`;
    return `The audit log is whole: ${entries} entries. ${against}`;
  }
  const lines = faults.map(({ chain, seq, fault }) => `  chain ${chain}: entry ${seq} ${SAYS[fault]}`);
  return `The audit log is not what was written:\n${lines.join('\n')}`;
}
