import { clip } from './clip.ts';
import { fanout } from './fanout.ts';
import { pipeline } from './pipeline.ts';
import type { Scenario } from './scenario.ts';
import { sessions } from './sessions.ts';

/** One line each, in the order they run. */
export const SCENARIOS: Scenario[] = [
  pipeline,
  clip,
  sessions,
  fanout,
];
