import { expect, it } from 'vitest';
import { createLog, oncePerSecond } from './log.ts';
import { memoryLog } from './testing/memory-log.ts';

const written = (run: (log: ReturnType<typeof createLog>) => void): string => {
  const lines: string[] = [];
  run(createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } }));
  return lines.join('');
};

it('[LOG1] writes JSON with the fields of its session', () => {
  const line = written((log) => log.child({ sessionId: 'S1' }).info({ chunks: 3 }, 'closed'));
  expect(JSON.parse(line)).toMatchObject({ level: 'info', app: 'clippy', sessionId: 'S1', chunks: 3, msg: 'closed' });
  expect(written((log) => log.debug({}, 'quiet'))).toBe('');
});

it('[LOG2] writes no token, signature or spoken word', () => {
  const text = written((log) => {
    log.info({ token: 'SECRET', headers: { authorization: 'Bearer SECRET' }, event: { words: [{ text: 'SECRET' }] }, a: { b: { transcript: 'SECRET' } } }, 'fields');
    log.error({ err: new Error('GET /x?exp=1&sig=SECRET refused: Bearer SECRET') }, 'see /api/clips/C1/media?sig=SECRET&exp=1');
    log.info({ url: 'https://s3.test/k?X-Amz-Signature=SECRET' }, 'stored');
  });
  expect(text).not.toContain('SECRET');
  expect(text.trim().split('\n').map((line) => typeof JSON.parse(line))).toEqual(['object', 'object', 'object']);
});

it('[LOG3] writes a flood once a second, with what was left out', () => {
  let nowMs = 0;
  const log = memoryLog();
  const write = oncePerSecond(log.warn, { now: () => nowMs, monotonic: () => nowMs, after: () => () => undefined });
  for (nowMs = 0; nowMs < 2_500; nowMs += 10) write('drop', {}, 'dropped');
  write('other', {}, 'other');
  expect(log.lines.map(({ fields, message }) => ({ message, ...fields }))).toEqual([{ message: 'dropped' }, { message: 'dropped', suppressed: 99 }, { message: 'dropped', suppressed: 99 }, { message: 'other' }]);
});
