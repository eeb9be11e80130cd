import { describe, expect, it } from 'vitest';
import { creditsFor } from './credits.ts';

const limits = { mailbox: { chunks: 256, bytes: 16e6 }, together: { chunks: 4_096, bytes: 512e6 }, maxChunkBytes: 8e6 };

describe('[T10] what all recordings have in flight is bounded', () => {
  it('few have all of their own limit; many share equally, down to two chunks and one largest chunk', () => {
    expect(creditsFor(limits, 0, 1)).toEqual(limits.mailbox);
    expect(creditsFor(limits, 16, 1)).toEqual(limits.mailbox);
    expect(creditsFor(limits, 50, 1)).toEqual({ chunks: 81, bytes: 10_240_000 });
    expect(creditsFor(limits, 10_000, 1)).toEqual({ chunks: 2, bytes: 8e6 });
  });

  it('[T6] a low disk takes a share of it, and at last all', () => {
    expect(creditsFor(limits, 1, 0.75)).toEqual({ chunks: 192, bytes: 12e6 });
    expect(creditsFor(limits, 10_000, 0.01)).toEqual({ chunks: 2, bytes: 8e6 });
    expect(creditsFor(limits, 1, 0)).toEqual({ chunks: 0, bytes: 0 });
  });

  it('no grant is above what the mailbox takes', () => {
    expect(creditsFor({ mailbox: { chunks: 1, bytes: 500 }, together: { chunks: 10, bytes: 5_000 }, maxChunkBytes: 800 }, 3, 1)).toEqual({ chunks: 1, bytes: 500 });
  });
});
