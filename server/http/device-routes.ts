import { z } from 'zod';
import { Refused } from '../errors.ts';
import { allowedOrigin } from './auth.ts';
import { guesserOf } from './guess-limit.ts';
import { json } from './respond.ts';
import { NONE, route, type Route } from './route.ts';
import { device, done, idParams, noParams, noQuery } from './schemas.ts';

const name = z.string().trim().min(1).max(80).describe('what people call the device, e.g. "Chrome on the laptop"');

export const deviceRoutes: Route[] = [
  route({
    method: 'POST', path: '/api/pairing-codes', action: 'device.pair', doc: 'A code that pairs one device within ten minutes',
    params: noParams, query: noQuery, body: NONE, gives: z.object({ code: z.string().describe('ABCD-EFGH'), expiresAt: z.number() }),
    run: ({ parts }) => Promise.resolve(json(parts.pairingCodes.make('admin'))),
  }),
  route({
    method: 'POST', path: '/api/pair', action: 'pair', doc: 'Turns a code into the token of a device; wrong codes are counted, and too many answered with 429',
    params: noParams, query: noQuery, body: z.strictObject({ code: z.string().max(40), name }),
    gives: z.object({ token: z.string(), deviceId: z.string(), user: z.string() }),
    run: async ({ parts, request, body }) => {
      // any page may send a visitor's browser here: none may use up the guesses of its address
      const origin = request.header('origin');
      if (!allowedOrigin(origin, request.header('host'), parts.origins)) throw new Refused('forbidden', `a page of ${origin} may not pair; add its origin to CLIPPY_ORIGINS if it should`);
      const guesser = guesserOf(request.remote, request.header('x-forwarded-for'));
      await parts.codeLimit.guess(guesser);
      try {
        const paired = await parts.pairingCodes.redeem(body.code, async (user) => ({ ...(await parts.devices.issue(user, body.name)), user }));
        await parts.codeLimit.right(guesser);
        return json(paired);
      } catch (error) {
        if (!(error instanceof Refused && error.code === 'unauthorized')) await parts.codeLimit.right(guesser);
        throw error;
      }
    },
  }),
  route({
    method: 'GET', path: '/api/devices', action: 'device.list', doc: 'The paired devices, newest first',
    params: noParams, query: noQuery, body: NONE, gives: z.object({ devices: z.array(device) }),
    run: ({ parts }) => Promise.resolve(json({ devices: parts.devices.list() })),
  }),
  route({
    method: 'DELETE', path: '/api/devices/:id', action: 'device.revoke', doc: 'Voids the token of a device and ends its connections',
    params: idParams, query: noQuery, body: NONE, gives: done,
    run: async ({ parts, params }) => {
      await parts.devices.revoke(params.id);
      return json({ done: true });
    },
  }),
];
