import { describe } from 'vitest';
import { repositoryContract } from './repository.contract.ts';
import { createMemoryRepository } from './repository.memory.ts';

describe('repository contract: in memory', () => {
  repositoryContract(() => Promise.resolve(createMemoryRepository()));
});
