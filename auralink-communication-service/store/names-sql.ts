/** Whom a name leads to, as a piece of SQL: every statement that reads a person by her address asks in the same way. */

/** A subquery of `person_id`: whose name `auraId` is, or who had it and whom it goes on to lead to. An SQL expression. */
export function namedSql(auraId: string): string {
  return `(
    SELECT person_id FROM aura_id_registry WHERE aura_id = ${auraId}
    UNION ALL
    SELECT person_id FROM aura_id_holds
      WHERE aura_id = ${auraId} AND cause = 'renamed' AND resolves_until > now()
  )`;
}
