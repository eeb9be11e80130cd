import { describe, expect, it } from 'vitest';
import { readReadme, withSettings } from '../scripts/readme-settings.ts';
import { parseConfig } from './config.ts';

describe('settings', () => {
  it('have defaults that work', () => {
    expect(parseConfig({})).toMatchObject({ port: 7070, transport: 'auto', scenes: true, origins: [], retentionPlusHours: 48 });
  });
  it('report every mistake together, with name and value, but no secret', () => {
    const env = { CLIPPY_PORT: '99999', CLIPPY_TRANSPORT: 'carrier-pigeon', CLIPPY_PROT: '1', CLIPPY_ADMIN_TOKEN: 'short' };
    expect(() => parseConfig(env)).toThrow(/4 setting\(s\)[^]*CLIPPY_PORT="99999"[^]*CLIPPY_TRANSPORT="carrier-pigeon"[^]*CLIPPY_PROT: no such setting/);
    expect(() => parseConfig(env)).not.toThrow(/short/);
  });
  it('stand in README as they stand in the code (npm run readme writes them)', () => {
    expect(readReadme()).toBe(withSettings(readReadme()));
  });
});
