// A socket that keeps what it was sent, decoded as a client would.
import { decodeServerFrame } from '../../shared/codec.ts';
import type { ServerFrame } from '../../shared/protocol.ts';
import type { Wire } from '../sessions/gateway.ts';
import { inbox } from './inbox.ts';

type Of<T extends ServerFrame['t']> = ServerFrame & { t: T };
export type FakeWire = Wire & {
  frames: ServerFrame[];
  closed: { code: number; reason: string } | null;
  /** takes nothing more until set back */
  full: boolean;
  buffered: number;
  /** the first of a kind, come or to come */
  frame<T extends ServerFrame['t']>(type: T, fits?: (frame: Of<T>) => boolean): Promise<Of<T>>;
  of<T extends ServerFrame['t']>(type: T): Of<T>[];
};

let lastId = 0;
export const fakeWire = (): FakeWire => {
  const { all, push, first } = inbox<ServerFrame>();
  const is = <T extends ServerFrame['t']>(type: T) => (frame: ServerFrame): frame is Of<T> => frame.t === type;
  const wire: FakeWire = {
    id: ++lastId, remote: '127.0.0.1', frames: all, closed: null, full: false, buffered: 0,
    send: (bytes) => {
      if (wire.full || wire.closed) return 'dropped';
      push(decodeServerFrame(bytes));
      return 'sent';
    },
    bufferedBytes: () => wire.buffered,
    close: (code, reason) => { wire.closed ??= { code, reason }; },
    frame: (type, fits = () => true) => {
      const wanted = is(type);
      return first((frame): frame is Of<typeof type> => wanted(frame) && fits(frame));
    },
    of: (type) => all.filter(is(type)),
  };
  return wire;
};
