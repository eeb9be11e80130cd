// Which recording the panel follows. Pure.
import type { RecordingState, RecordingView } from '../view.ts';

const RUNNING = new Set<RecordingState>(['starting', 'recording', 'stopping', 'uploading']);
export type Followed = RecordingView & { session: string };

/** What can be followed: the server has given it an id; running ones first, newest first. */
export const followable = (recordings: readonly RecordingView[]): Followed[] =>
  recordings
    .flatMap((recording) => (recording.session === null ? [] : [{ ...recording, session: recording.session }]))
    .sort((a, b) => Number(RUNNING.has(b.state)) - Number(RUNNING.has(a.state)) || b.startedAt - a.startedAt);

/** The chosen one as long as it is there, else the first. */
export const chosenOf = (list: readonly Followed[], chosen: string | null): Followed | null => list.find(({ session }) => session === chosen) ?? list[0] ?? null;
