import { asr } from './asr.ts';
import { clip } from './clip.ts';
import { fanout } from './fanout.ts';
import { idle } from './idle.ts';
import { llm } from './llm.ts';
import { ack, ingest } from './ingest.ts';
import { pipeline } from './pipeline.ts';
import { recovery } from './recovery.ts';
import type { Scenario } from './scenario.ts';
import { sessions } from './sessions.ts';
import { start } from './start.ts';

/** One line each, in the order they run. */
export const SCENARIOS: Scenario[] = [
  pipeline,
  ingest,
  clip,
  sessions,
  idle,
  start,
  recovery,
  ack,
  fanout,
  asr,
  llm,
];
