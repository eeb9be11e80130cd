// Paired devices and their tokens. The hashes of all live tokens are held in memory, so that knowing a device costs no look-up;
// the database is written first, so that what was granted or revoked outlives a crash.
import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { Device } from '../../shared/model.ts';
import type { Clock } from '../clock.ts';
import { Refused, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Repository, StoredDevice } from '../ports.ts';
import { hashToken } from './auth.ts';

export type Devices = {
  /** The device of a token, or null where it is unknown or revoked. */
  of(token: string): { id: string; owner: string } | null;
  /** Notes that it was there; written at most once a minute. */
  used(id: string): void;
  issue(owner: string, name: string): Promise<{ token: string; deviceId: string }>;
  /** newest first */
  list(): Device[];
  /** From then on its token is void, and `onRevoked` has been called. Throws `Refused not_found`. */
  revoke(id: string): Promise<void>;
};

export type DevicesOptions = {
  repository: Pick<Repository, 'addDevice' | 'devices' | 'touchDevice' | 'revokeDevice'>;
  clock: Clock;
  log: Log;
  onRevoked: (id: string) => void;
};

const TOKEN_BYTES = 24;
const TOUCH_MS = 60_000;
/** One more is refused: nobody has so many, and each is held in memory. */
const MAX_DEVICES = 200;

export const openDevices = async ({ repository, clock, log, onRevoked }: DevicesOptions): Promise<Devices> => {
  const byHash = new Map((await repository.devices()).map((device) => [device.tokenHash, device]));
  const find = (id: string): StoredDevice | undefined => [...byHash.values()].find((device) => device.id === id);

  const touch = (device: StoredDevice): void => {
    const at = clock.now();
    if (device.lastUsedAt !== null && at - device.lastUsedAt < TOUCH_MS) return;
    device.lastUsedAt = at;
    repository.touchDevice(device.id, at).catch((error: unknown) => log.warn({ device: device.id, error: messageOf(error) }, 'when a device was last used could not be stored'));
  };

  return {
    of: (token) => {
      const device = byHash.get(hashToken(token));
      if (!device) return null;
      touch(device);
      return { id: device.id, owner: device.owner };
    },
    used: (id) => {
      const device = find(id);
      if (device) touch(device);
    },
    issue: async (owner, name) => {
      if (byHash.size >= MAX_DEVICES) throw new Refused('quota', `${byHash.size} devices are paired already; revoke one that is not used any more`);
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const createdAt = clock.now();
      const device: StoredDevice = { id: ulid(createdAt), owner, name, scope: 'recorder', tokenHash: hashToken(token), createdAt, lastUsedAt: null };
      await repository.addDevice(device);
      byHash.set(device.tokenHash, device);
      log.info({ device: device.id, event: 'security' }, 'a device was paired');
      return { token, deviceId: device.id };
    },
    list: () =>
      [...byHash.values()].toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)).map(({ id, name, scope, createdAt, lastUsedAt }) => ({ id, name, scope, createdAt, lastUsedAt })),
    revoke: async (id) => {
      const device = find(id);
      if (!device) throw new Refused('not_found', `there is no device ${id}; it may be revoked already`);
      await repository.revokeDevice(id, clock.now());
      byHash.delete(device.tokenHash);
      log.info({ device: id, event: 'security' }, 'a device was revoked');
      onRevoked(id);
    },
  };
};
