import type { Log } from '../log.ts';

export type LogLine = { level: 'error' | 'warn' | 'info' | 'debug'; fields: object; message: string };

/** Keeps what was logged, for tests that assert on it. */
export const memoryLog = (): Log & { lines: LogLine[] } => {
  const lines: LogLine[] = [];
  const at = (bound: object): Log => {
    const write = (level: LogLine['level']) => (fields: object, message: string): void => {
      lines.push({ level, fields: { ...bound, ...fields }, message });
    };
    return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug'), child: (fields) => at({ ...bound, ...fields }) };
  };
  return { ...at({}), lines };
};
