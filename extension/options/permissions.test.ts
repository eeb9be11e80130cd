import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { PERMISSIONS } from './permissions.ts';

it('[B24] explains exactly the permissions the manifest asks for', () => {
  const manifest = z
    .object({ permissions: z.array(z.string()), optional_permissions: z.array(z.string()).default([]), host_permissions: z.array(z.string()).default([]), optional_host_permissions: z.array(z.string()).default([]) })
    .parse(JSON.parse(readFileSync(new URL('../manifest.json', import.meta.url), 'utf8')));
  expect(Object.keys(PERMISSIONS).sort()).toEqual([...manifest.permissions, ...manifest.optional_permissions, ...manifest.host_permissions, ...manifest.optional_host_permissions].sort());
  for (const { name, why } of Object.values(PERMISSIONS)) expect(Math.min(name.length, why.length - 20)).toBeGreaterThan(3);
});
