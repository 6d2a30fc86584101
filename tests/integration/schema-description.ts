/**
 * Reads a database's catalogue: what docs/DATABASE.md shows. The catalogue and not pg_dump, whose output changes
 * between its versions.
 */
import type pg from 'pg';

export interface Column {
  readonly name: string;
  /** As PostgreSQL writes it, e.g. `timestamp with time zone`. */
  readonly type: string;
  readonly nullable: boolean;
  readonly default: string | null;
  readonly comment: string | null;
}

export interface Table {
  readonly name: string;
  readonly comment: string | null;
  /** Storage parameters, e.g. `fillfactor=50`. */
  readonly options: readonly string[];
  readonly columns: readonly Column[];
  /** Name and definition, primary key first. */
  readonly constraints: readonly { readonly name: string; readonly definition: string }[];
  /** Definitions of the indexes that no constraint made. */
  readonly indexes: readonly string[];
  /** Definitions of the triggers. */
  readonly triggers: readonly string[];
}

/** A type with a rule of its own. */
export interface Domain {
  readonly name: string;
  readonly comment: string | null;
  /** As PostgreSQL writes it, e.g. `text CHECK (VALUE <> '')`. */
  readonly definition: string;
}

export interface StoredFunction {
  /** With its arguments, e.g. `person_privacy_make()`. */
  readonly name: string;
  readonly comment: string | null;
  readonly definition: string;
}

export interface Schema {
  readonly tables: readonly Table[];
  readonly domains: readonly Domain[];
  readonly functions: readonly StoredFunction[];
}

const TABLES = `
  SELECT relation.oid::int AS oid, relation.relname AS name, obj_description(relation.oid, 'pg_class') AS comment,
         coalesce(relation.reloptions, '{}') AS options
  FROM pg_class AS relation
  WHERE relation.relnamespace = 'public'::regnamespace AND relation.relkind IN ('r', 'p')
  ORDER BY relation.relname`;
const COLUMNS = `
  SELECT attribute.attrelid::int AS oid, attribute.attname AS name,
         format_type(attribute.atttypid, attribute.atttypmod) AS type, NOT attribute.attnotnull AS nullable,
         CASE attribute.attidentity WHEN 'a' THEN 'identity' ELSE pg_get_expr(fallback.adbin, fallback.adrelid) END AS default,
         col_description(attribute.attrelid, attribute.attnum) AS comment
  FROM pg_attribute AS attribute
  LEFT JOIN pg_attrdef AS fallback ON fallback.adrelid = attribute.attrelid AND fallback.adnum = attribute.attnum
  WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
  ORDER BY attribute.attrelid, attribute.attnum`;
const CONSTRAINTS = `
  SELECT conrelid::int AS oid, conname AS name, pg_get_constraintdef(oid) AS definition
  FROM pg_constraint WHERE contype <> 't'
  ORDER BY conrelid, contype <> 'p', conname`;
const INDEXES = `
  SELECT indrelid::int AS oid, pg_get_indexdef(indexrelid) AS definition
  FROM pg_index
  WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
  ORDER BY indrelid, indexrelid::regclass::text`;
const TRIGGERS = `
  SELECT tgrelid::int AS oid, pg_get_triggerdef(oid) AS definition
  FROM pg_trigger WHERE NOT tgisinternal
  ORDER BY tgrelid, tgname`;
const DOMAINS = `
  SELECT type.typname AS name, obj_description(type.oid, 'pg_type') AS comment,
         concat_ws(' ', format_type(type.typbasetype, type.typtypmod), (
           SELECT string_agg(pg_get_constraintdef(oid), ' ' ORDER BY conname) FROM pg_constraint WHERE contypid = type.oid
         )) AS definition
  FROM pg_type AS type
  WHERE type.typnamespace = 'public'::regnamespace AND type.typtype = 'd'
  ORDER BY type.typname`;
const FUNCTIONS = `
  SELECT oid::regprocedure::text AS name, obj_description(oid, 'pg_proc') AS comment,
         pg_get_functiondef(oid) AS definition
  FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
  ORDER BY 1`;
/** Kinds of things that a migration might make and that this description does not show; there must be none. */
const OTHERS = `
  SELECT 'relation ' || relname AS what FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'p', 'i', 'I', 't')
    -- An identity column's own sequence is told of with the column.
    AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'i'))
  UNION ALL SELECT 'procedure ' || proname FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace AND prokind <> 'f'
  UNION ALL SELECT 'type ' || typname FROM pg_type
  WHERE typnamespace = 'public'::regnamespace AND typtype NOT IN ('c', 'd') AND typcategory <> 'A'
  UNION ALL SELECT 'policy ' || polname FROM pg_policy`;

/** All of the schema `public`, by name. Throws when there is a kind of thing that it would not show. */
export async function describeSchema(client: pg.Client): Promise<Schema> {
  const others = await client.query<{ what: string }>(OTHERS);
  if (others.rows.length > 0) {
    throw new Error(`describeSchema does not know: ${others.rows.map((row) => row.what).join(', ')}`);
  }
  const columns = await rowsByTable<Column>(client, COLUMNS);
  const constraints = await rowsByTable<Table['constraints'][number]>(client, CONSTRAINTS);
  const indexes = await rowsByTable<{ definition: string }>(client, INDEXES);
  const triggers = await rowsByTable<{ definition: string }>(client, TRIGGERS);
  const tables = await client.query<Pick<Table, 'name' | 'comment' | 'options'> & { oid: number }>(TABLES);
  return {
    tables: tables.rows.map(({ oid, ...table }) => ({
      ...table,
      columns: columns.get(oid) ?? [],
      constraints: constraints.get(oid) ?? [],
      indexes: (indexes.get(oid) ?? []).map((index) => index.definition),
      triggers: (triggers.get(oid) ?? []).map((trigger) => trigger.definition),
    })),
    domains: (await client.query<Domain>(DOMAINS)).rows,
    functions: (await client.query<StoredFunction>(FUNCTIONS)).rows,
  };
}

async function rowsByTable<R extends object>(client: pg.Client, query: string): Promise<Map<number, R[]>> {
  const found = await client.query<R & { oid: number }>(query);
  const byTable = new Map<number, R[]>();
  for (const { oid, ...row } of found.rows) {
    const rows = byTable.get(oid) ?? [];
    rows.push(row as unknown as R);
    byTable.set(oid, rows);
  }
  return byTable;
}

/** The page docs/DATABASE.md. */
export function renderSchema(schema: Schema): string {
  const { tables, domains, functions } = schema;
  return [
    INTRODUCTION,
    ...tables.map(renderTable),
    ...domains.map(({ name, comment, definition }) =>
      renderOther(`Domain ${name}`, comment, `CREATE DOMAIN ${name} AS ${definition}`),
    ),
    ...functions.map(({ name, comment, definition }) =>
      renderOther(`Function ${name}`, comment, definition.trimEnd()),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function renderOther(title: string, comment: string | null, definition: string): string {
  return [`## ${title}`, '', `${comment ?? ''}.`, '', '```sql', definition, '```'].join('\n');
}

const INTRODUCTION = `# The database

PostgreSQL 15, made by the files of [scripts/db/migrations](../scripts/db/migrations). This page is the schema that
results from them, read back from a real database: an integration test compares the two, and
\`AURA_UPDATE_SNAPSHOTS=1 ./aura test migrations\` writes it.`;

function renderTable(table: Table): string {
  const rows = table.columns.map((column) => {
    const fallback = column.default === null ? '' : ` = ${column.default}`;
    return `| \`${column.name}\` | ${column.type}${column.nullable ? ' or null' : ''}${cell(fallback)} | ${cell(column.comment ?? '')} |`;
  });
  const facts = [
    ...table.constraints.map(({ name, definition }) => `CONSTRAINT ${name} ${definition}`),
    ...table.indexes,
    ...table.triggers,
    ...table.options.map((option) => `WITH (${option})`),
  ];
  return [
    `## ${table.name}`,
    '',
    `${table.comment ?? ''}.`,
    '',
    '| column | type | meaning |',
    '|---|---|---|',
    ...rows,
    '',
    '```sql',
    ...facts,
    '```',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
