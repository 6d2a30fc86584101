/** Which app a person wants to ring on which of her devices. */
import type pg from 'pg';
import type { AppId, DeviceKey, PersonId } from '../core/ids.ts';
import { query } from './db.ts';

export type SetDeviceChoice = (
  personId: PersonId,
  deviceKey: DeviceKey,
  appId: AppId | null,
) => Promise<void>;

/** Null takes the choice back. */
export function createSetDeviceChoice(pool: pg.Pool): SetDeviceChoice {
  return async (personId, deviceKey, appId) => {
    if (appId === null) {
      await query(
        pool,
        'device-choice-clear',
        'DELETE FROM device_choices WHERE person_id = $1 AND device_key = $2',
        [personId, deviceKey],
      );
      return;
    }
    await query(
      pool,
      'device-choice-set',
      `INSERT INTO device_choices (person_id, device_key, app_id) VALUES ($1, $2, $3)
       ON CONFLICT (person_id, device_key) DO UPDATE SET app_id = excluded.app_id, chosen_at = now()`,
      [personId, deviceKey, appId],
    );
  };
}
