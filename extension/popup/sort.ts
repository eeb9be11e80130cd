// Which recording stands where in the popup. Pure.
import type { RecordingView } from '../view.ts';

export type Sorted = { here: RecordingView | null; elsewhere: RecordingView[]; ended: RecordingView[]; left: RecordingView[] };

/** `here` runs in this tab, `elsewhere` in another; `ended` is stopped, failed or being finished; `left` is of an earlier run. */
export const sortRecordings = (recordings: readonly RecordingView[], tabId: number | null): Sorted => {
  const sorted: Sorted = { here: null, elsewhere: [], ended: [], left: [] };
  for (const recording of recordings) {
    switch (recording.state) {
      case 'starting':
      case 'recording':
        if (tabId !== null && recording.tabId === tabId && sorted.here === null) sorted.here = recording;
        else sorted.elsewhere.push(recording);
        break;
      case 'stopping':
      case 'stopped':
      case 'failed':
        sorted.ended.push(recording);
        break;
      case 'uploading':
      case 'left':
        sorted.left.push(recording);
        break;
      default:
        recording.state satisfies never;
    }
  }
  return sorted;
};
