// Prometheus metrics. Labels come from closed lists (stages, statuses, route patterns), never from clients: the number of
// series is bounded. Per-session values are folded into the worst and the sum.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { STAGES, type ProviderState, type SessionStatus, type StageName, type StageState } from '../shared/model.ts';

export type Metrics = {
  /** one item through a stage */
  stageTook(stage: StageName, seconds: number): void;
  /** the latest states of one session's stages, until `forgetSession` */
  stages(sessionId: string, states: Record<StageName, StageState>): void;
  forgetSession(sessionId: string): void;
  sessions(byStatus: Record<SessionStatus, number>): void;
  chunk(bytes: number): void;
  acks(count: number): void;
  /** sequence numbers declared lost by clients */
  missing(count: number): void;
  /** what was given up, by kind: `event`, `frame`, `log` … */
  dropped(kind: string, count?: number): void;
  /** from the end of a clip's moment to its being playable; 0 where a file is sent faster than it plays */
  clipReady(state: 'provisional' | 'refined', seconds: number): void;
  providers(states: ProviderState[]): void;
  providerCall(provider: string, outcome: 'ok' | 'rate' | 'server' | 'timeout' | 'network' | 'garbage' | 'auth' | 'model' | 'budget' | 'off', seconds: number): void;
  /** +1 at open, −1 at close */
  connections(change: 1 | -1): void;
  request(route: string, method: string, status: number, seconds: number): void;
  /** Prometheus text format */
  render(): Promise<{ mime: string; text: string }>;
};

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30];
const STATUSES: readonly SessionStatus[] = ['live', 'interrupted', 'draining', 'closed', 'failed'];

const largest = (a: number, b: number): number => Math.max(a, b);
const sum = (a: number, b: number): number => a + b;

export const createMetrics = (): Metrics => {
  const register = new Registry();
  const registers = [register];
  // includes the delay of the event loop, memory, file descriptors
  collectDefaultMetrics({ register, prefix: 'clippy_' });

  const states = new Map<string, Record<StageName, StageState>>();
  const fold = (pick: (state: StageState) => number, join: (a: number, b: number) => number) =>
    function collect(this: Gauge<'stage'>): void {
      for (const stage of STAGES) this.set({ stage }, Array.from(states.values(), (each) => pick(each[stage])).reduce(join, 0));
    };
  const took = new Histogram({ name: 'clippy_stage_seconds', help: 'Time one item spends in a stage', labelNames: ['stage'], buckets: SECONDS, registers });
  register.registerMetric(new Gauge({ name: 'clippy_stage_lag_seconds', help: 'Media time between what is durable and what a stage has reached, worst session', labelNames: ['stage'], registers: [], collect: fold((state) => state.lagMs / 1_000, largest) }));
  register.registerMetric(new Gauge({ name: 'clippy_stage_depth', help: 'Items inside or queued before a stage, all sessions', labelNames: ['stage'], registers: [], collect: fold((state) => state.depth, sum) }));
  register.registerMetric(new Gauge({ name: 'clippy_stage_failing', help: 'Sessions whose stage is failing', labelNames: ['stage'], registers: [], collect: fold((state) => (state.status === 'failing' ? 1 : 0), sum) }));
  const sessions = new Gauge({ name: 'clippy_sessions', help: 'Sessions by status', labelNames: ['status'], registers });
  const chunks = new Counter({ name: 'clippy_chunks_total', help: 'Chunks made durable', registers });
  const bytes = new Counter({ name: 'clippy_chunk_bytes_total', help: 'Bytes of chunks made durable', registers });
  const acks = new Counter({ name: 'clippy_acks_total', help: 'Acknowledgements sent', registers });
  const missing = new Counter({ name: 'clippy_chunks_missing_total', help: 'Sequence numbers clients declared lost', registers });
  const dropped = new Counter({ name: 'clippy_dropped_total', help: 'What was given up, by kind', labelNames: ['kind'], registers });
  const clips = new Histogram({ name: 'clippy_clip_ready_seconds', help: 'From the end of a moment to its clip being playable; 0 where a file is sent faster than it plays', labelNames: ['state'], buckets: [0.5, 1, 2, 3, 5, 10, 30, 60], registers });
  const cost = new Gauge({ name: 'clippy_provider_cost_usd', help: 'Money spent on a provider in the current hour and day', labelNames: ['provider', 'period'], registers });
  const available = new Gauge({ name: 'clippy_provider_available', help: '1 where a provider takes calls', labelNames: ['provider'], registers });
  const calls = new Histogram({ name: 'clippy_provider_call_seconds', help: 'Calls to providers', labelNames: ['provider', 'outcome'], buckets: SECONDS, registers });
  const connections = new Gauge({ name: 'clippy_ws_connections', help: 'Open WebSockets', registers });
  const requests = new Histogram({ name: 'clippy_http_request_seconds', help: 'HTTP requests until their reply was ready', labelNames: ['route', 'method', 'status'], buckets: SECONDS, registers });

  return {
    stageTook: (stage, seconds) => took.observe({ stage }, seconds),
    stages: (sessionId, latest) => void states.set(sessionId, latest),
    forgetSession: (sessionId) => void states.delete(sessionId),
    sessions: (byStatus) => STATUSES.forEach((status) => sessions.set({ status }, byStatus[status])),
    chunk: (size) => {
      chunks.inc();
      bytes.inc(size);
    },
    acks: (count) => acks.inc(count),
    missing: (count) => missing.inc(count),
    dropped: (kind, count = 1) => dropped.inc({ kind }, count),
    clipReady: (state, seconds) => clips.observe({ state }, seconds),
    providers: (latest) => {
      for (const { name, status, spentHour, spentDay } of latest) {
        cost.set({ provider: name, period: 'hour' }, spentHour);
        cost.set({ provider: name, period: 'day' }, spentDay);
        available.set({ provider: name }, status === 'ok' || status === 'throttled' ? 1 : 0);
      }
    },
    providerCall: (provider, outcome, seconds) => calls.observe({ provider, outcome }, seconds),
    connections: (change) => connections.inc(change),
    request: (route, method, status, seconds) => requests.observe({ route, method, status }, seconds),
    render: async () => ({ mime: register.contentType, text: await register.metrics() }),
  };
};
