import { expect, it } from 'vitest';
import { recording } from '../ui/testing/scene.ts';
import type { RecordingState } from '../view.ts';
import { sortRecordings } from './sort.ts';

it('every recording stands in exactly one place', () => {
  const states: RecordingState[] = ['starting', 'recording', 'stopping', 'uploading', 'left', 'stopped', 'failed'];
  const all = states.map((state, index) => recording({ key: state, state, tabId: index }));
  const { here, elsewhere, ended, left } = sortRecordings(all, 1);
  expect(here?.key).toBe('recording');
  expect(elsewhere.map(({ key }) => key)).toEqual(['starting']);
  expect(ended.map(({ key }) => key)).toEqual(['stopping', 'stopped', 'failed']);
  expect(left.map(({ key }) => key)).toEqual(['uploading', 'left']);
});
it('a tab that is not known has no recording of its own', () => {
  expect(sortRecordings([recording({ tabId: null })], null)).toMatchObject({ here: null, elsewhere: [{ tabId: null }] });
});
