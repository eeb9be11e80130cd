// `npm run pair`: asks the server for a one-time code and shows it with the address the device needs.
import { parseArgs } from 'node:util';
import { messageOf } from '../server/errors.ts';

const SERVER = 'http://127.0.0.1:7070';
const USAGE = `npm run pair [-- --server URL] [--json]
The admin token is read from CLIPPY_TOKEN.`;

export type PairingCode = { code: string; expiresAt: number };

/** Rejects with a message that says what to do. */
export const requestCode = async (server: string, token: string): Promise<PairingCode> => {
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) throw new Error(`${server} is no address of a server; give --server http://HOST:PORT`);
  const reply = await fetch(new URL('/api/pairing-codes', server), { method: 'POST', headers: { authorization: `Bearer ${token}` } }).catch((cause: unknown) => {
    throw new Error(`no Clippy server answers at ${server}; start one with npm start or give --server`, { cause });
  });
  const text = await reply.text();
  if (reply.status === 401) throw new Error(`the server at ${server} does not know this token; set CLIPPY_TOKEN to the admin token it printed at its first start`);
  if (!reply.ok) throw new Error(`the server at ${server} gave no code: ${reply.status} ${text.slice(0, 200)}`);
  return JSON.parse(text) as PairingCode; // our own server's answer, checked by its schema
};

if (import.meta.main) {
  try {
    const { values } = parseArgs({ options: { server: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } } });
    if (values.help) console.log(USAGE);
    else {
      const token = process.env['CLIPPY_TOKEN'];
      if (!token) throw new Error('CLIPPY_TOKEN is not set; set it to the admin token the server printed at its first start');
      const server = new URL(values.server ?? SERVER).origin;
      const made = await requestCode(server, token);
      const until = new Date(made.expiresAt).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
      if (values.json) console.log(JSON.stringify({ ...made, server }));
      else console.log(`\n    ${made.code}\n\nType it into the extension, with the address ${server} . It pairs one device, until ${until}.\nIts access ends under Devices in the dashboard.\n`);
    }
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
