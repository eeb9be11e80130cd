import { describe, expect, it } from 'vitest';
import { fileName } from './filename.ts';

const AT = new Date(2026, 10, 3, 9, 5, 7);

describe('[ES8] file name of a saved clip', () => {
  it.each([
    ['Friday night ranked', 'Friday night ranked'],
    ['a/b\\c:d*e?f"g<h>i|j%k~l', 'a-b-c-d-e-f-g-h-i-j-k-l'],
    ['  ..hidden\u0000\u202Egpj.\n x. ', 'hidden gpj. x'],
    ['con', 'Clippy con'],
    ['LPT1.txt', 'Clippy LPT1.txt'],
    ['', 'Clippy'],
    ['...', 'Clippy'],
    ['\uD800', 'Clippy'],
  ])('%j', (title, name) => {
    expect(fileName(title, AT, 'mp4')).toBe(`${name} 2026-11-03 09-05-07.mp4`);
  });

  it('stays below 255 bytes and cuts no character', () => {
    const name = fileName('\u65E5'.repeat(300), AT, 'webm');
    expect(Buffer.byteLength(name)).toBeLessThan(240);
    expect(name).toBe(`${'\u65E5'.repeat(60)} 2026-11-03 09-05-07.webm`);
  });
});
