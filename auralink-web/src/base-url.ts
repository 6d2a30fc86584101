/**
 * Where the AuraLink service is, for a demo app that is served from a host of its own. The host may say so in
 * /config.json; on one machine `chat.localhost:PORT` belongs to `localhost:PORT`.
 */

interface HostConfig {
  readonly baseUrl?: string;
}

export async function findBaseUrl(): Promise<string> {
  try {
    const response = await fetch('/config.json');
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    if (response.ok && isJson) {
      const { baseUrl } = (await response.json()) as HostConfig;
      if (baseUrl !== undefined) return baseUrl;
    }
  } catch {
    // The address below is as good a guess as any.
  }
  const port = location.port === '' ? '' : `:${location.port}`;
  return `${location.protocol}//${location.hostname.replace(/^[^.]+\./, '')}${port}`;
}
