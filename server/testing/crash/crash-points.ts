// The moments at which a crash is tried: before and after every effect the server makes on files, rows, objects and clients.
// `part.effect when`; files are watched where they lie (watched-files.ts), rows, objects and frames at their ports.

/** A kind of file and what is done to it. Renames are counted where they lead. */
const FILES: Record<string, string[]> = {
  folder: ['mkdir', 'sync', 'rm'],
  segment: ['create', 'write', 'sync', 'unlink'],
  index: ['create', 'write', 'rename'],
  mediaIndex: ['create', 'write', 'sync'],
  draft: ['create', 'write', 'link', 'sync'],
  object: ['mkdir', 'rename', 'unlink', 'rmdir'],
  objectFolder: ['sync'],
};
const ROWS = [
  'openSession', 'raiseEpoch', 'updateSession', 'addGap', 'addRegion', 'addPage', 'addColdSegment', 'commitBins', 'commitWords', 'saveHighlight', 'saveClip', 'pinClip', 'deleteClip',
  'addDeadLetter', 'deleteSession',
];
const OBJECTS = ['put', 'putFile', 'delete'];
const FRAMES = ['ready', 'ack', 'heard', 'stopped'];

const around = (part: string, effects: string[]): string[] => effects.flatMap((effect) => [`${part}.${effect} before`, `${part}.${effect} after`]);

/** What is tried in one go: a torn tail is truncated at the start that follows, and only then. */
export const CRASH_STORIES: readonly string[][] = [
  ...[
    ...Object.entries(FILES).flatMap(([part, effects]) => around(part, effects)), ...around('repository', ROWS), ...around('objectStore', OBJECTS), ...around('wire', FRAMES),
  ].map((name) => [name]),
  ['segment.write half', 'segment.truncate before'],
  ['segment.write half', 'segment.truncate after'],
];
export const CRASH_POINTS: readonly string[] = [...new Set(CRASH_STORIES.flat())];
