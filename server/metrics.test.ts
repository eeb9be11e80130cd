import { expect, it } from 'vitest';
import type { StageName, StageState } from '../shared/model.ts';
import { createMetrics } from './metrics.ts';

const states = (lagMs: number, depth: number): Record<StageName, StageState> => {
  const state: StageState = { status: 'running', depth, capacity: 8, done: 1, untilMs: 0, lagMs, note: '' };
  return { decode: state, extract: state, transcribe: { ...state, status: 'failing' }, analyse: state, cut: state, archive: state };
};

it('[MET1] folds sessions into the worst lag and the sum of depths', async () => {
  const metrics = createMetrics();
  metrics.stages('S1', states(2_000, 3));
  metrics.stages('S2', states(9_000, 4));
  const { text } = await metrics.render();
  expect(text).toContain('clippy_stage_lag_seconds{stage="decode"} 9');
  expect(text).toContain('clippy_stage_depth{stage="decode"} 7');
  expect(text).toContain('clippy_stage_failing{stage="transcribe"} 2');
  metrics.forgetSession('S2');
  expect((await metrics.render()).text).toContain('clippy_stage_lag_seconds{stage="decode"} 2');
  expect(text).not.toContain('S1');
});

it('[MET2] counts what passes and what is given up', async () => {
  const metrics = createMetrics();
  metrics.chunk(300);
  metrics.chunk(200);
  metrics.dropped('event', 3);
  metrics.dropped('event');
  metrics.connections(1);
  metrics.stageTook('cut', 0.03);
  metrics.clipReady('provisional', 1.5);
  metrics.providers([{ name: 'groq', status: 'budget', note: '', spentHour: 1, spentDay: 2.5, budgetHour: 1, budgetDay: 5 }]);
  metrics.sessions({ live: 2, interrupted: 0, draining: 0, closed: 5, failed: 0 });
  const { text, mime } = await metrics.render();
  expect(mime).toContain('text/plain');
  for (const line of ['clippy_chunks_total 2', 'clippy_chunk_bytes_total 500', 'clippy_dropped_total{kind="event"} 4', 'clippy_ws_connections 1', 'clippy_stage_seconds_count{stage="cut"} 1', 'clippy_clip_ready_seconds_sum{state="provisional"} 1.5', 'clippy_provider_cost_usd{provider="groq",period="day"} 2.5', 'clippy_provider_available{provider="groq"} 0', 'clippy_sessions{status="live"} 2']) {
    expect(text).toContain(line);
  }
  expect(text).toMatch(/clippy_nodejs_eventloop_lag_p99_seconds [\d.]+/);
});
