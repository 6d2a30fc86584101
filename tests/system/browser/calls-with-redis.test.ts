/** The first call, with Redis carrying the wake-ups. */
import { callScenario } from './call-scenario.ts';

await callScenario('browser-with-redis', { redis: true });
