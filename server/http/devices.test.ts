import { expect, it } from 'vitest';
import { createMemoryRepository } from '../testing/repository.memory.ts';
import { memoryLog } from '../testing/memory-log.ts';
import { hashToken } from './auth.ts';
import { openDevices } from './devices.ts';

const setUp = async () => {
  let nowMs = 1_000;
  const repository = createMemoryRepository();
  const revoked: string[] = [];
  const log = memoryLog();
  const open = () => openDevices({ repository, log, clock: { now: () => nowMs, monotonic: () => nowMs, after: () => () => undefined }, onRevoked: (id) => revoked.push(id) });
  return { repository, revoked, log, open, devices: await open(), pass: (ms: number) => { nowMs += ms; } };
};

it('[I2] gives a long random token once and keeps its hash; it is known again after a restart', async () => {
  const { repository, devices, open, log } = await setUp();
  const [one, two] = [await devices.issue('admin', 'Laptop'), await devices.issue('admin', 'Laptop')];
  expect(one.token).toMatch(/^[\w-]{32}$/);
  expect(one.token).not.toBe(two.token);
  expect(devices.of(one.token)).toEqual({ id: one.deviceId, owner: 'admin' });
  expect([devices.of(''), devices.of(hashToken(one.token)), devices.of(`${one.token}x`)]).toEqual([null, null, null]);
  const rows = await repository.devices();
  expect(rows.map(({ tokenHash }) => tokenHash).toSorted()).toEqual([hashToken(one.token), hashToken(two.token)].toSorted());
  for (const kept of [rows, devices.list(), log.lines]) expect(JSON.stringify(kept)).not.toContain(one.token);
  expect(JSON.stringify(devices.list())).not.toContain(hashToken(one.token));
  expect((await open()).of(two.token)?.id).toBe(two.deviceId);
});

it('[I6] revokes for good: the token is void here and after a restart', async () => {
  const { revoked, devices, open } = await setUp();
  const { token, deviceId } = await devices.issue('admin', 'Laptop');
  await devices.revoke(deviceId);
  expect([devices.of(token), devices.list(), revoked, (await open()).of(token)]).toEqual([null, [], [deviceId], null]);
  await expect(devices.revoke(deviceId)).rejects.toMatchObject({ code: 'not_found' });
});

it('[I6] leaves a token valid, and says so by failing, where the database cannot take the revocation', async () => {
  const { repository, devices, revoked } = await setUp();
  const { token, deviceId } = await devices.issue('admin', 'Laptop');
  repository.revokeDevice = () => Promise.reject(new Error('the database is away'));
  await expect(devices.revoke(deviceId)).rejects.toThrow('the database is away');
  expect([devices.of(token)?.id, revoked]).toEqual([deviceId, []]);
});

it('[I7] notes when a device was last used, and writes it once a minute', async () => {
  const { repository, devices, pass } = await setUp();
  const { token, deviceId } = await devices.issue('admin', 'Laptop');
  const stored = async () => (await repository.devices())[0]?.lastUsedAt;
  expect([devices.list()[0]?.lastUsedAt, await stored()]).toEqual([null, null]);
  devices.of(token);
  pass(59_999);
  devices.used(deviceId);
  expect([devices.list()[0]?.lastUsedAt, await stored()]).toEqual([1_000, 1_000]);
  pass(1);
  devices.used(deviceId);
  expect([devices.list()[0]?.lastUsedAt, await stored()]).toEqual([61_000, 61_000]);
  devices.used('nobody');
});

it('[I2] refuses more devices than anybody has', async () => {
  const { devices } = await setUp();
  for (let at = 0; at < 200; at++) await devices.issue('admin', `device ${at}`);
  await expect(devices.issue('admin', 'one more')).rejects.toMatchObject({ code: 'quota', message: expect.stringContaining('revoke one') });
});
