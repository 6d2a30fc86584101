/**
 * Multi-app ring prevention, as a pure function: of all apps that a person has on one device, one rings and the rest
 * are told silently; every device rings. The order on a device is hers first: her own choice, then the app that the
 * caller named, then the one in front, then the one used last. An app without a socket goes behind those with one.
 */
import type { AppId, DeviceKey, EndpointId } from '../../core/ids.ts';

export interface Candidate {
  readonly endpointId: EndpointId;
  readonly appId: AppId;
  readonly deviceKey: DeviceKey;
  /** A socket is open now. Otherwise it was, within the resumption window. */
  readonly connected: boolean;
  readonly focusedAt: Date | null;
  readonly lastUsedAt: Date;
  /** The person chose this app for this device. */
  readonly chosen: boolean;
}

export interface PlannedRing {
  readonly endpointId: EndpointId;
  readonly deviceKey: DeviceKey;
  /** 0 rings at once; 1, 2 … follow if those before do not acknowledge. */
  readonly rank: number;
}

/** One ring of rank 0 a device; ranks on a device are 0, 1, 2 … without a gap. Order of the input does not matter. */
export function planRings(candidates: readonly Candidate[], namedAppId: AppId | null): PlannedRing[] {
  const devices = new Map<DeviceKey, Candidate[]>();
  for (const candidate of candidates) {
    const onDevice = devices.get(candidate.deviceKey);
    if (onDevice === undefined) devices.set(candidate.deviceKey, [candidate]);
    else onDevice.push(candidate);
  }
  const rings: PlannedRing[] = [];
  for (const [deviceKey, onDevice] of devices) {
    onDevice.sort((a, b) => compare(a, b, namedAppId));
    onDevice.forEach((candidate, rank) => {
      rings.push({ endpointId: candidate.endpointId, deviceKey, rank });
    });
  }
  return rings;
}

function compare(a: Candidate, b: Candidate, namedAppId: AppId | null): number {
  return (
    Number(b.connected) - Number(a.connected) ||
    Number(b.chosen) - Number(a.chosen) ||
    Number(b.appId === namedAppId) - Number(a.appId === namedAppId) ||
    Number(b.focusedAt !== null) - Number(a.focusedAt !== null) ||
    (b.focusedAt?.getTime() ?? 0) - (a.focusedAt?.getTime() ?? 0) ||
    b.lastUsedAt.getTime() - a.lastUsedAt.getTime() ||
    (a.endpointId < b.endpointId ? -1 : 1)
  );
}
