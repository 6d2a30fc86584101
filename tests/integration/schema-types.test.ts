/**
 * store/schema.ts is written by hand; here it is held against the database, table by table and column by column: the
 * type, whether it may be null, whether it may be left out of an INSERT, and the words that a CHECK allows.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { testDatabase, withClient } from '../harness.ts';
import { type Column, describeSchema, type Table } from './schema-description.ts';

const SOURCE = join(import.meta.dirname, '..', '..', 'auralink-communication-service', 'store', 'schema.ts');

/** Column → its type as schema.ts writes it, by table. */
function readSource(): Map<string, Map<string, string>> {
  const source = readFileSync(SOURCE, 'utf8').replace(/\/\*\*[\s\S]*?\*\//g, '');
  const interfaces = new Map<string, Map<string, string>>();
  for (const [, name = '', body = ''] of source.matchAll(/export interface (\w+) \{\n([\s\S]*?)\n\}/g)) {
    const members = [...body.matchAll(/^ {2}(\w+): ([\s\S]*?);$/gm)];
    interfaces.set(
      name,
      new Map(members.map(([, column = '', type = '']) => [column, type.replace(/\s+/g, ' ')])),
    );
  }
  const tables = interfaces.get('Database') ?? new Map<string, string>();
  return new Map([...tables].map(([table, type]) => [table, interfaces.get(type) ?? new Map()]));
}

const PLAIN: Readonly<Record<string, string>> = {
  uuid: 'string',
  text: 'string',
  xid8: 'string',
  boolean: 'boolean',
  smallint: 'number',
  integer: 'number',
  real: 'number',
  bigint: 'Int8',
  bytea: 'Buffer',
  'text[]': 'string[]',
};

/** How schema.ts must write `column`. */
function expectedType(table: Table, column: Column): string {
  const generated = column.default !== null;
  if (column.type === 'timestamp with time zone') {
    if (column.nullable) return 'NullableTimestamp';
    return generated ? 'GeneratedTimestamp' : 'Timestamp';
  }
  if (column.type === 'jsonb') {
    const json = generated ? 'GeneratedJson' : 'Json';
    return column.nullable ? `Nullable${json}` : json;
  }
  const plain = wordsOf(table, column.name) ?? PLAIN[column.type];
  assert.ok(plain, `${table.name}.${column.name}: this test does not know the type ${column.type}`);
  const type = column.nullable ? `${plain} | null` : plain;
  return generated ? `Generated<${type}>` : type;
}

/** The union of the words that `CHECK (column IN (…))` allows, or null when there is no such check. */
function wordsOf(table: Table, column: string): string | null {
  for (const { definition } of table.constraints) {
    const check = /^CHECK \(\((\w+) = ANY \(ARRAY\[(.+)\]\)\)\)$/.exec(definition);
    if (check?.[1] !== column) continue;
    return (check[2] ?? '').replaceAll('::text', '').split(', ').join(' | ');
  }
  return null;
}

test('store/schema.ts mirrors the database', async () => {
  const tables = await withClient(await testDatabase(), describeSchema);
  const source = readSource();
  const differences = tables.flatMap((table) => {
    const found = source.get(table.name) ?? new Map<string, string>();
    const expected = new Map(table.columns.map((column) => [column.name, expectedType(table, column)]));
    const columns = [...new Set([...expected.keys(), ...found.keys()])];
    return columns
      .filter((column) => expected.get(column) !== found.get(column))
      .map((column) => ({
        column: `${table.name}.${column}`,
        database: expected.get(column),
        source: found.get(column),
      }));
  });
  assert.deepEqual(differences, []);
  assert.deepEqual(
    [...source.keys()].sort(),
    tables.map((table) => table.name),
  );
});
