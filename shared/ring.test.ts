import { memoryRing } from './ring.ts';
import { ringContract } from './testing/ring.contract.ts';

ringContract('memory', { fresh: async () => memoryRing(), reopen: null });
