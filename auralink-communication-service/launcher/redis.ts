/** Redis as a part. It only wakes and speeds: nothing that matters lies in it, so it writes nothing to disk. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Part, STAGE } from './part.ts';
import { writeFileAtomic } from './process.ts';
import { inheritedEnv, type Settings } from './settings.ts';

const STOP_TIMEOUT_MS = 5_000;
const PROBE_TIMEOUT_MS = 1_000;

/** Whether this machine has a Redis to start. */
export function redisIsInstalled(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

export function redisConfiguration(settings: Settings): string {
  return [
    'bind 127.0.0.1',
    `port ${settings.ports.redis}`,
    `requirepass ${settings.config.COMM_REDIS_PASSWORD}`,
    `dir ${JSON.stringify(settings.layout.redisDir)}`,
    'save ""',
    'appendonly no',
    'maxmemory 256mb',
    'maxmemory-policy volatile-lru',
    'daemonize no',
    '',
  ].join('\n');
}

export function redisPart(settings: Settings): Part {
  const { layout, ports, config } = settings;
  mkdirSync(layout.redisDir, { recursive: true, mode: 0o700 });
  const path = join(layout.confDir, 'redis.conf');
  const configuration = redisConfiguration(settings);
  writeFileAtomic(path, configuration);
  return {
    name: 'redis',
    command: 'redis-server',
    args: [path],
    env: inheritedEnv(),
    cwd: layout.redisDir,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stage: STAGE.engine,
    after: [],
    ready: () => answersPing(ports.redis, config.COMM_REDIS_PASSWORD),
    configuration,
  };
}

function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let seen = '';
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      if (seen.includes('+PONG')) finish(true);
      else if (seen.includes('-')) finish(false);
    });
  });
}
