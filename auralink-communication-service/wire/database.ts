/** Where the database is, from the configuration. */
import type { Config } from '../config.ts';
import type { DatabaseAddress } from '../store/db.ts';

export function databaseAddress(config: Config): DatabaseAddress {
  return {
    host: config.COMM_POSTGRES_HOST,
    port: config.COMM_POSTGRES_PORT,
    user: config.COMM_POSTGRES_USER,
    password: config.COMM_POSTGRES_PASSWORD,
    database: config.COMM_POSTGRES_DB,
    poolSize: config.COMM_POSTGRES_POOL_SIZE,
  };
}
