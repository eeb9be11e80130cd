import { describe } from 'vitest';
import { objectStoreContract } from './object-store.contract.ts';
import { createMemoryObjectStore } from './object-store.memory.ts';

describe('object store contract: in memory', () => {
  objectStoreContract(() => Promise.resolve(createMemoryObjectStore()), { largeBytes: 300_000 });
});
