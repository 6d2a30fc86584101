/**
 * One process of the service: reads the configuration, starts, and stops in order when told to. Any number of these
 * run side by side; none of them is special.
 */
import { ConfigError, loadConfig } from './config.ts';
import { startService } from './wire/service.ts';

/** After this a stop is no longer polite. */
const STOP_TIMEOUT_MS = 10_000;
const DOTENV = new URL('.env', import.meta.url).pathname;

try {
  const service = await startService(loadConfig(DOTENV));
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    await service.stop();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
}
