import { describe, expect, it } from 'vitest';
import { EMPTY_VIEW, type RecorderView, type RecordingView } from '../view.ts';
import { badgeOf } from './badge.ts';

const recording: RecordingView = {
  key: '01ARZ3NDEKTSV4RRFFQ69G5FAV', tabId: 1, title: 'A stream', sourceUrl: 'https://example.org', state: 'recording', startedAt: 0, durationMs: 0, encoder: 'webcodecs', width: 1280, height: 720,
  framesPerSecond: 30, bitsPerSecond: 0, microphone: false, playing: true, session: null, pushed: 0, acked: 0, unackedChunks: 0, unackedBytes: 0, lost: 0, savableMs: 0, trouble: null,
};
const clip = { id: 'c', session: 's', title: '', startMs: 0, endMs: 1, score: 1, state: 'provisional', at: 5, thumbnail: '' } as const;
const view = (part: Partial<RecorderView>): RecorderView => ({ ...EMPTY_VIEW, server: { state: 'online', url: 'http://x', user: 'admin' }, ...part });

describe('badge', () => {
  it('[B9] is empty when nothing is recorded', () => expect(badgeOf(view({}), 0)).toMatchObject({ text: '', title: 'Clippy' }));
  it('[B9] says that a tab is being recorded, and which', () => expect(badgeOf(view({ recordings: [recording] }), 0)).toMatchObject({ text: 'REC', title: 'Clippy records A stream' }));
  it('[B9] counts the clips that came since they were seen', () => {
    expect(badgeOf(view({ recordings: [recording], clips: [clip, { ...clip, id: 'd', at: 9 }] }), 0).text).toBe('2');
    expect(badgeOf(view({ recordings: [recording], clips: [clip, { ...clip, id: 'd', at: 9 }] }), 5).text).toBe('1');
    expect(badgeOf(view({ recordings: [recording], clips: [clip] }), 5).text).toBe('REC');
  });
  it('[B9] shows trouble, and what it is', () => {
    const badge = badgeOf(view({ recordings: [{ ...recording, trouble: { code: 'encoder', message: 'the encoder stands still', at: 1 } }] }), 0);
    expect(badge).toMatchObject({ text: '!', title: 'Clippy records A stream: the encoder stands still' });
  });
});
