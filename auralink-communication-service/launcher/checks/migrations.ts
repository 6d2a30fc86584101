/**
 * What every migration file must keep: it records itself under its own name, with the checksum of its own text, and
 * its number is its alone. `--fix` writes the checksum.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checksumOf, readMigrations } from '../../store/migrate.ts';

const RECORDED = /'(sha256:[0-9a-f]{64})'/g;

/** Faults of the files in `folder`, each with the file's name. */
export function checkMigrations(folder: string, fix: boolean): string[] {
  const faults: string[] = [];
  const numbers = new Map<string, string>();
  const migrations = readMigrations(folder);
  if (migrations.length === 0) faults.push(`${folder} holds no migration`);
  for (const { file, sql } of migrations) {
    const number = file.slice(0, 3);
    const other = numbers.get(number);
    if (other !== undefined) faults.push(`${file}: its number is ${other}'s too`);
    numbers.set(number, file);
    faults.push(...checkNames(file, sql), ...checkChecksum(folder, file, sql, fix));
  }
  return faults;
}

function checkNames(file: string, sql: string): string[] {
  const faults: string[] = [];
  if (!sql.startsWith(`-- ${file}\n`)) faults.push(`${file}: its first line must be "-- ${file}"`);
  if (!sql.includes(`WHERE file = '${file}')`))
    faults.push(`${file}: it does not ask whether it ran already`);
  if (!sql.includes(`VALUES ('${file}', 'sha256:`)) faults.push(`${file}: it does not record itself`);
  return faults;
}

function checkChecksum(folder: string, file: string, sql: string, fix: boolean): string[] {
  const recorded = [...sql.matchAll(RECORDED)].map((match) => match[1]);
  if (recorded.length !== 1) return [`${file}: it must hold one checksum, it holds ${recorded.length}`];
  const checksum = checksumOf(sql);
  if (recorded[0] === checksum) return [];
  if (fix) {
    writeFileSync(
      join(folder, file),
      readFileSync(join(folder, file), 'utf8').replace(RECORDED, `'${checksum}'`),
    );
    return [];
  }
  return [
    `${file}: its checksum is ${checksum}, it says ${recorded[0]}. If it never ran anywhere, ./aura check --fix ` +
      'writes it; otherwise restore the file and put the change into a new one.',
  ];
}
