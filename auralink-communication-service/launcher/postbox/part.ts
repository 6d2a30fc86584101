/** The development postbox as a part, and its file. */
import { join } from 'node:path';
import { connect } from 'node:net';
import { type Layout, NODE, PROJECT_ROOT, SERVICE_DIR } from '../layout.ts';
import { type Part, STAGE } from '../part.ts';
import { inheritedEnv, type Settings } from '../settings.ts';

const STOP_TIMEOUT_MS = 3_000;
const PROBE_TIMEOUT_MS = 1_000;

/** Readable by its owner only. */
export const postboxPath = (layout: Pick<Layout, 'dataDir'>): string =>
  join(layout.dataDir, 'postbox.ndjson');

export function postboxPart(settings: Settings): Part {
  const { layout, ports, managed } = settings;
  const wanted = [
    ...(managed.mail ? [['--smtp', ports.postboxMail] as const] : []),
    ...(managed.sms ? [['--smpp', ports.postboxSms] as const] : []),
  ];
  return {
    name: 'postbox',
    command: NODE,
    args: [
      join(SERVICE_DIR, 'launcher/postbox/main.ts'),
      ...['--file', postboxPath(layout)],
      ...wanted.flatMap(([option, port]) => [option, String(port)]),
    ],
    env: inheritedEnv(),
    cwd: PROJECT_ROOT,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stage: STAGE.engine,
    after: [],
    ready: async () => (await Promise.all(wanted.map(([, port]) => listens(port)))).every(Boolean),
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('connect', () => finish(true));
  });
}
