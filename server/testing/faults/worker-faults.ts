// Reaches into a running server's media workers through Node's inspector, so that the server itself needs no hook for tests.
// The server must have been started with NODE_OPTIONS=--inspect=127.0.0.1:0.
export type WorkerCrash = 'throw' | 'exit' | 'out of memory';

const SCRIPTS: Record<WorkerCrash, string> = {
  throw: 'setTimeout(() => { throw new Error("thrown by a fault"); }, 0)',
  exit: 'setTimeout(() => process.exit(3), 0)',
  'out of memory': 'setTimeout(() => { const held = []; for (;;) held.push(new Array(1e6).fill(held.length + 0.5)); }, 0)',
};

export type Workers = {
  /** media workers that run now */
  count(): number;
  /** Ends one of them; false where none runs. */
  crash(how: WorkerCrash): boolean;
  close(): void;
};

/** `log`: what the server wrote, where the inspector says its address. */
export const openWorkers = async (log: string[]): Promise<Workers> => {
  const url = log.map((line) => /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(line)?.[0]).find((found) => found !== undefined);
  if (url === undefined) throw new Error('the server runs without an inspector; start it with NODE_OPTIONS=--inspect=127.0.0.1:0');
  const socket = new WebSocket(url);
  const workers: string[] = [];
  let ids = 0;
  const send = (method: string, params: object): void => socket.send(JSON.stringify({ id: ++ids, method, params }));
  socket.addEventListener('message', ({ data }) => {
    const { method, params } = JSON.parse(String(data)) as { method?: string; params?: { sessionId: string; workerInfo?: { url: string } } };
    if (method === 'NodeWorker.attachedToWorker' && params) workers.push(params.sessionId);
    if (method === 'NodeWorker.detachedFromWorker' && params) workers.splice(workers.indexOf(params.sessionId), 1);
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error(`no inspector answers at ${url}`)), { once: true });
  });
  send('NodeWorker.enable', { waitForDebuggerOnStart: false });
  return {
    count: () => workers.length,
    crash: (how) => {
      const sessionId = workers.at(-1);
      if (sessionId === undefined || socket.readyState !== WebSocket.OPEN) return false;
      send('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id: ++ids, method: 'Runtime.evaluate', params: { expression: SCRIPTS[how] } }) });
      return true;
    },
    close: () => socket.close(),
  };
};
