/**
 * Reading DER that strangers send (ITU-T X.690): bounded in depth and number of parts, and every step says what it
 * expected. `asn1js` parses; bytes that are hashed or verified are taken as they came, never encoded anew.
 */
import { type BaseBlock, fromBER } from 'asn1js';

/** How deep values lie in each other at the most; certificates need about twelve. */
export const DER_DEPTH_MAX = 32;
/** Values in one file: a list of all states' certificates has some hundred thousand. */
export const DER_NODES_MAX = 500_000;

/** The bytes are not what their name says. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

export type TagClass = 'universal' | 'application' | 'context';
const CLASSES: Readonly<Record<TagClass, number>> = { universal: 1, application: 2, context: 3 };
export const TAG = { integer: 2, bits: 3, octets: 4, oid: 6, utcTime: 23, generalizedTime: 24 } as const;
const SEQUENCE = 16;
const SET = 17;

/** One value, with everything that it is made of. */
export class Der {
  readonly #block: BaseBlock;

  private constructor(block: BaseBlock) {
    if (block.lenBlock.isIndefiniteForm) throw new MalformedError('a length is left open, which DER forbids');
    this.#block = block;
  }

  /** Throws MalformedError, also when something follows. */
  static parse(bytes: Buffer, nodesMax = DER_NODES_MAX): Der {
    let parsed: ReturnType<typeof fromBER>;
    try {
      parsed = fromBER(bytes, { maxDepth: DER_DEPTH_MAX, maxNodes: nodesMax, parseEmbedded: false });
    } catch (error) {
      throw new MalformedError('it is no DER', { cause: error });
    }
    if (parsed.offset === -1) throw new MalformedError(`it is no DER (${parsed.result.error})`);
    if (parsed.offset !== bytes.length) throw new MalformedError('something follows its end');
    return new Der(parsed.result);
  }

  is(tagClass: TagClass, tag: number): boolean {
    const { idBlock } = this.#block;
    return idBlock.tagClass === CLASSES[tagClass] && idBlock.tagNumber === tag;
  }

  /** All of it, tag and length included; a copy. */
  get raw(): Buffer {
    return Buffer.from(this.#block.valueBeforeDecodeView.subarray(0, this.#block.blockLength));
  }

  /** What it holds, without tag and length. */
  get content(): Buffer {
    return this.raw.subarray(this.#block.idBlock.blockLength + this.#block.lenBlock.blockLength);
  }

  /** What it is made of; throws when it is a plain value. */
  get parts(): Der[] {
    const value: unknown = Reflect.get(this.#block.valueBlock, 'value');
    if (!this.#block.idBlock.isConstructed || !Array.isArray(value))
      throw new MalformedError('a value has no parts');
    return (value as BaseBlock[]).map((block) => new Der(block));
  }

  get isSequence(): boolean {
    return this.is('universal', SEQUENCE);
  }

  sequence(what: string): Der[] {
    if (!this.isSequence) throw new MalformedError(`${what} is no sequence`);
    return this.parts;
  }

  set(what: string): Der[] {
    if (!this.is('universal', SET)) throw new MalformedError(`${what} is no set`);
    return this.parts;
  }

  /** The parts behind an explicit or implicit context tag. */
  tagged(tag: number, what: string): Der[] {
    if (!this.is('context', tag)) throw new MalformedError(`${what} is missing`);
    return this.parts;
  }

  primitive(tag: (typeof TAG)[keyof typeof TAG], what: string): Buffer {
    if (!this.is('universal', tag) || this.#block.idBlock.isConstructed) {
      throw new MalformedError(`${what} is of another type`);
    }
    return this.content;
  }

  oid(what: string): string {
    return oidOf(this.primitive(TAG.oid, what));
  }

  /** Throws MalformedError. */
  time(what: string): Date {
    const generalized = this.is('universal', TAG.generalizedTime);
    const text = this.primitive(generalized ? TAG.generalizedTime : TAG.utcTime, what).toString('latin1');
    const match = (generalized ? /^(\d{4})(\d{10})Z$/ : /^(\d\d)(\d{10})Z$/).exec(text);
    const [, year = '', rest = ''] = match ?? [];
    // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the last century.
    const full = generalized ? year : `${Number(year) >= 50 ? '19' : '20'}${year}`;
    const parts = /^(..)(..)(..)(..)(..)$/.exec(rest)?.slice(1) ?? [];
    const at = new Date(`${full}-${parts[0]}-${parts[1]}T${parts[2]}:${parts[3]}:${parts[4]}Z`);
    if (Number.isNaN(at.getTime())) throw new MalformedError(`${what} is no time`);
    return at;
  }
}

/** `at` of a list; throws MalformedError when there is none. */
export function part(parts: readonly Der[], at: number, what: string): Der {
  const found = parts[at];
  if (found === undefined) throw new MalformedError(`${what} is missing`);
  return found;
}

function oidOf(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new MalformedError('an object identifier is too large');
    if (byte < 0x80) {
      if (arcs.length > 0) arcs.push(arc);
      else arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
      arc = 0;
    }
  }
  return arcs.join('.');
}
