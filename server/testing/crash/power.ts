// `npm run faults -- power`
import { runRounds } from './crash.ts';

export const run = (args: string[]): Promise<void> => runRounds(args, true);
