/** LiveKit as a part: its configuration, generated at each start, and its process. */
import { join } from 'node:path';
import { stringify } from 'yaml';
import { httpOrigin } from './hosts.ts';
import { LIVEKIT_BINARY } from './layout.ts';
import { answersHttp, type Part, STAGE } from './part.ts';
import { writeFileAtomic } from './process.ts';
import { inheritedEnv, type Settings } from './settings.ts';

const STOP_TIMEOUT_MS = 5_000;

/** `webhookUrl`: where LiveKit tells who is in which room. */
export function livekitConfiguration(settings: Settings, webhookUrl = webhookUrlOf(settings)): string {
  const { config, ports } = settings;
  return stringify({
    port: ports.livekit,
    bind_addresses: ['127.0.0.1'],
    keys: { [config.LIVEKIT_API_KEY]: config.LIVEKIT_API_SECRET },
    rtc: {
      tcp_port: ports.livekitTcp,
      port_range_start: ports.livekitUdpFirst,
      port_range_end: ports.livekitUdpLast,
      use_external_ip: false,
      node_ip: '127.0.0.1',
      enable_loopback_candidate: true,
    },
    // Only we make rooms: with auto_create anybody with an old token could.
    room: { auto_create: false, empty_timeout: 300, departure_timeout: 20 },
    webhook: {
      api_key: config.LIVEKIT_API_KEY,
      urls: [webhookUrl],
    },
    logging: { level: 'info', json: true },
  });
}

function webhookUrlOf({ config }: Settings): string {
  return `${httpOrigin(config.ENGINES_HOST, config.ENGINES_PORT)}/sfu_webhook`;
}

export function livekitPart(settings: Settings, webhookUrl?: string): Part {
  const path = join(settings.layout.confDir, 'livekit.yaml');
  const configuration = livekitConfiguration(settings, webhookUrl);
  writeFileAtomic(path, configuration);
  return {
    name: 'livekit',
    command: LIVEKIT_BINARY,
    args: ['--config', path],
    env: inheritedEnv(),
    cwd: settings.layout.dataDir,
    // It waits for its rooms to empty, which it need not: after the time-out it is killed.
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stage: STAGE.engine,
    after: [],
    ready: () => answersHttp(`http://127.0.0.1:${settings.ports.livekit}/`),
    configuration,
  };
}
