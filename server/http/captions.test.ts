import { seededRandom } from '../../shared/testing/random.ts';
import { describe, expect, it } from 'vitest';
import type { Word } from '../../shared/model.ts';
import { attachment } from './attachment.ts';
import { cuesOf, srt, vtt } from './captions.ts';

const say = (text: string, startMs = 0, eachMs = 300): Word[] =>
  text.split(' ').map((each, index) => ({ text: each, startMs: startMs + index * eachMs, endMs: startMs + (index + 1) * eachMs - 20, confidence: 1 }));

describe('captions', () => {
  it('[R10] keeps to two lines of 42 characters and 7 seconds, in order, for any words', () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const chance = seededRandom(seed);
    const words: Word[] = [];
    let at = 0;
    for (let i = 0; i < 3_000; i++) {
      at += Math.floor(chance() * (chance() < 0.05 ? 9_000 : 400));
      const length = 1 + Math.floor(chance() * (chance() < 0.01 ? 130 : 12));
      const startMs = at;
      at += Math.floor(chance() * (chance() < 0.01 ? 12_000 : 500));
      words.push({ text: (chance() < 0.1 ? '🎉' : 'w').repeat(length) + (chance() < 0.1 ? '.' : ''), startMs, endMs: at, confidence: 1 });
    }
    const cues = cuesOf(words);
    const bad = cues.filter(({ startMs, endMs, lines }, index) => {
      const next = cues[index + 1]?.startMs ?? Infinity;
      return lines.length > 2 || lines.some((line) => Array.from(line).length > 42 || line === '') || endMs <= startMs || endMs - startMs > 7_000 || next < startMs || (next > startMs && endMs > next);
    });
    expect([seed, bad]).toEqual([seed, []]);
    expect(cues.flatMap(({ lines }) => lines).join('').replaceAll(' ', '')).toBe(words.map(({ text }) => text).join(''));
  });

  it('[R10] begins a new cue after a pause and after a sentence', () => {
    const cues = cuesOf([...say('this is the end of a sentence.'), ...say('And a new one', 2_200), ...say('later on', 9_000)]);
    expect(cues.map(({ lines }) => lines.join('|'))).toEqual(['this is the end of a sentence.', 'And a new one', 'later on']);
    expect(cues[1]).toMatchObject({ startMs: 2_200, endMs: 3_380 });
  });

  it('[R10] escapes what players would read as markup', () => {
    const words = say('<b>a</b> --> & {\\an8}');
    expect(vtt(words)).toContain('&lt;b&gt;a&lt;/b&gt; --&gt; &amp; {\\an8}');
    expect(srt(words)).toContain('‹b›a‹/b› --› & (\\an8)');
    expect(vtt([{ text: 'a\n\n00:00:00.000 --> 00:00:09.000\nb', startMs: 0, endMs: 100, confidence: 1 }]).match(/-->/g)).toHaveLength(1);
  });

  it('[R10] writes hours, and nothing for no words', () => {
    expect(vtt(say('late', 36_061_007))).toContain('10:01:01.007 --> 10:01:02.007');
    expect([vtt([]), srt([])]).toEqual(['WEBVTT\n', '']);
  });
});

describe('attachment', () => {
  it.each([
    ['clip.mp4', 'attachment; filename="clip.mp4"'],
    ['no way.mp4', 'attachment; filename="no way.mp4"'],
    ['a"b\r\nc: d.mp4', 'attachment; filename="a_b__c_ d.mp4"'],
    ['../../etc/passwd', 'attachment; filename="_.._etc_passwd"'],
    ['été.mp4', "attachment; filename=\"ete.mp4\"; filename*=UTF-8''%C3%A9t%C3%A9.mp4"],
    ['東京.mp4', "attachment; filename=\"download.mp4\"; filename*=UTF-8''%E6%9D%B1%E4%BA%AC.mp4"],
    ['100%.mp4', "attachment; filename=\"100_.mp4\"; filename*=UTF-8''100%25.mp4"],
    ['\u202Egpj.exe', 'attachment; filename="_gpj.exe"'],
    ['\uD800.mp4', "attachment; filename=\"download.mp4\"; filename*=UTF-8''%EF%BF%BD.mp4"],
    ['', 'attachment; filename="download"'],
  ])('[R7] %j', (name, header) => expect(attachment(name)).toBe(header));
});
