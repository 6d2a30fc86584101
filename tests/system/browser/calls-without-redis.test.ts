/** The first call, over PostgreSQL alone. */
import { callScenario } from './call-scenario.ts';

await callScenario('browser-without-redis', { redis: false });
