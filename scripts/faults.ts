// `npm run faults -- KIND --rounds N --seed S`: fault campaigns. Each kind is a module with `run(arguments)`.
const KINDS: Record<string, () => Promise<{ run(args: string[]): Promise<void> }>> = {
  dependencies: () => import('../server/testing/faults/dependencies.ts'),
  crash: () => import('../server/testing/crash/crash.ts'),
  power: () => import('../server/testing/crash/power.ts'),
};

const [kind = '', ...args] = process.argv.slice(2);
const load = KINDS[kind];
if (!load) {
  console.error(`npm run faults -- ${Object.keys(KINDS).join('|')} [--rounds N] [--seed S]`);
  process.exit(2);
}
try {
  await (await load()).run(args);
} catch (error) {
  console.error(error);
  process.exit(1);
}
process.exit(0);
