// The place of the video in the picture over time: at most ten times a second.
import type { ClientClock } from '../../shared/connection.ts';
import type { Rectangle } from '../../shared/model.ts';
import { type Changes, changes } from './changes.ts';

const LEAST_MS = 100;

const same = (a: Rectangle | null, b: Rectangle | null): boolean => a === b || (a !== null && b !== null && a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height);

export type RegionTrack = Changes<Rectangle | null>;

export const regionTrack = (options: { clock: ClientClock; send: (rect: Rectangle | null) => void }): RegionTrack => changes({ ...options, first: null, leastMs: LEAST_MS, same });
