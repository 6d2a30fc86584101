/** `./aura audit verify`: whether the audit log is whole, against itself and against the heads that were exported. */
import { readExportedHeads } from '../adapters/audit-heads-file.ts';
import { type AuditFault, type AuditVerdict, verifyAudit } from '../auralink-modules/auraid/audit-verify.ts';
import { auditReader } from '../store/audit.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';

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
  /** File of exported heads; default: the data folder's own. */
  readonly heads?: string;
}

/** 0 when the log is whole, 1 when it is not. Throws FrontDoorError when it cannot be told. */
export async function runVerifyAudit(options: VerifyOptions): Promise<number> {
  const verdict = await withDatabase(layoutFor(options), 'aura-audit', (pool, config) =>
    verifyAudit(auditReader(pool), readExportedHeads(options.heads ?? config.AUDIT_HEADS_PATH)),
  );
  console.log(options.json ? JSON.stringify(verdict) : describe(verdict));
  return verdict.faults.length === 0 ? WHOLE : ALTERED;
}

function describe({ entries, faults }: AuditVerdict): string {
  if (faults.length === 0) return `The audit log is whole: ${entries} entries.`;
  const lines = faults.map(({ chain, seq, fault }) => `  chain ${chain}: entry ${seq} ${SAYS[fault]}`);
  return `The audit log is not what was written:\n${lines.join('\n')}`;
}
