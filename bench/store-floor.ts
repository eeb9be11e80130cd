// The least a recorder can do, in a process of its own: takes bytes from a socket, appends each chunk to a file, fdatasync, answers.
// Nothing is framed, checked, parsed or analysed. Told the folder; tells its port.
import { open } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

const file = await open(join(process.argv[2] ?? '.', `floor-${process.pid}`), 'w');
const server = createServer(async (socket) => {
  let wanted = -1;
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const part of socket as AsyncIterable<Buffer>) {
    let rest = part;
    if (wanted < 0) {
      wanted = rest.readUInt32LE(0);
      rest = rest.subarray(4);
    }
    held.push(rest);
    bytes += rest.length;
    if (bytes < wanted) continue;
    await file.writev(held);
    await file.datasync();
    socket.write('.');
    wanted = -1;
    held = [];
    bytes = 0;
  }
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
