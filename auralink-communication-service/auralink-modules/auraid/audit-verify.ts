/**
 * Whether the audit log is whole: every entry's hash is computed again from its text and the hash before it, numbers
 * have no gap, each chain ends where its head says, and every head that was ever exported is still in it.
 */
import { createHash } from 'node:crypto';

/** Chains of the log; an entry's subject says in which it is (migration 014). */
export const AUDIT_CHAINS = 16;
/** Entries read at a time. */
export const AUDIT_VERIFY_BATCH = 1_000;

/** The end of one chain; `hash` in hex. */
export interface ChainHead {
  readonly chain: number;
  readonly seq: number;
  readonly hash: string;
}

export interface ChainedEntry extends ChainHead {
  readonly previousHash: string;
  /** What was hashed after the hash before: the columns, a line each. */
  readonly text: string;
}

export interface AuditReader {
  heads(): Promise<readonly ChainHead[]>;
  /** Entries of a chain after number `after`, in order. */
  entries(chain: number, after: number, limit: number): Promise<readonly ChainedEntry[]>;
}

export interface AuditFault {
  readonly chain: number;
  readonly seq: number;
  readonly fault: 'missing' | 'altered' | 'cut_off' | 'head_wrong';
}

export interface AuditVerdict {
  readonly entries: number;
  /** The first of each chain. */
  readonly faults: readonly AuditFault[];
}

const sha256 = (...parts: readonly (Buffer | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** `exported`: heads that were kept elsewhere. Entries written meanwhile are no fault: the heads are read first. */
export async function verifyAudit(
  reader: AuditReader,
  exported: readonly ChainHead[],
): Promise<AuditVerdict> {
  const heads = new Map((await reader.heads()).map((head) => [head.chain, head]));
  let entries = 0;
  const faults: AuditFault[] = [];
  for (let chain = 0; chain < AUDIT_CHAINS; chain++) {
    const known = exported.filter((head) => head.chain === chain);
    const walked = await walk(reader, chain, heads.get(chain), known);
    entries += walked.entries;
    if (walked.fault !== null) faults.push(walked.fault);
  }
  return { entries, faults };
}

async function walk(
  reader: AuditReader,
  chain: number,
  head: ChainHead | undefined,
  exported: readonly ChainHead[],
): Promise<{ entries: number; fault: AuditFault | null }> {
  // All that was ever said of an entry: who forges one and the chain's head with it does not reach what was exported.
  const said = new Map<number, Set<string>>();
  for (const one of head === undefined ? exported : [...exported, head]) {
    said.set(one.seq, (said.get(one.seq) ?? new Set()).add(one.hash));
  }
  let previous = sha256(`auralink audit chain ${chain}`);
  let seq = 0;
  const disagrees = (): boolean => [...(said.get(seq) ?? [])].some((hash) => hash !== previous);
  const fault = (at: number, what: AuditFault['fault']) => ({
    entries: seq,
    fault: { chain, seq: at, fault: what },
  });
  if (head === undefined || disagrees()) return fault(0, 'head_wrong');
  for (;;) {
    const batch = await reader.entries(chain, seq, AUDIT_VERIFY_BATCH);
    for (const entry of batch) {
      if (entry.seq !== seq + 1) return fault(seq + 1, 'missing');
      const hash = sha256(Buffer.from(previous, 'hex'), entry.text);
      if (entry.previousHash !== previous || entry.hash !== hash) return fault(entry.seq, 'altered');
      [previous, seq] = [hash, entry.seq];
      if (disagrees()) return fault(seq, 'head_wrong');
    }
    if (batch.length < AUDIT_VERIFY_BATCH) break;
  }
  const last = Math.max(...said.keys());
  return last > seq ? fault(last, 'cut_off') : { entries: seq, fault: null };
}
