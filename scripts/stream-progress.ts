// The progress line of `npm run stream`: on a terminal only, and on stderr, so that --json stays clean.
import { Presets, SingleBar } from 'cli-progress';
import type { RecordingStatus } from '../shared/recording.ts';

export type Progress = {
  update(state: { mediaMs: number; elapsedMs: number; lagMs: number; status: RecordingStatus }): void;
  note(text: string): void;
  end(): void;
};

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

export const noProgress: Progress = { update: () => undefined, note: () => undefined, end: () => undefined };

export const progressLine = (title: string, durationMs: number | null): Progress => {
  const bar = new SingleBar(
    {
      format: `${title.slice(0, 30).replaceAll('{', '(')} {bar} {at} s · {pushed} chunks · {acked} acked · {lost} lost · {unacked} unacked ({megabytes} MB) · {speed}× · lag {lag} s {note}`,
      barsize: 20, hideCursor: true, stream: process.stderr, fps: 5,
    },
    Presets.shades_classic,
  );
  let note = '';
  let last: Record<string, string | number> = { at: '0.0', pushed: 0, acked: 0, lost: 0, unacked: 0, megabytes: '0.0', speed: '0.0', lag: '0.0', note };
  bar.start(durationMs ?? 1, 0, last);
  return {
    update: ({ mediaMs, elapsedMs, lagMs, status }) => {
      if (durationMs === null || mediaMs > durationMs) bar.setTotal(Math.max(1, mediaMs));
      last = {
        at: seconds(mediaMs), pushed: status.pushed, acked: status.lastAcked, lost: status.lost, unacked: status.unackedChunks,
        megabytes: megabytes(status.unackedBytes), speed: elapsedMs > 0 ? (mediaMs / elapsedMs).toFixed(1) : '0.0', lag: seconds(Math.max(0, lagMs)), note,
      };
      bar.update(mediaMs, last);
    },
    note: (text) => {
      note = text;
      bar.update({ ...last, note });
    },
    end: () => bar.stop(),
  };
};
