/**
 * Imports point one way. The table says what each folder of src may import besides itself; a folder that is not in
 * the table may not exist. Type-only imports count: a type is a dependency of the reader.
 */
const ground = ['nt', 'memory', 'kernel'];
const belowMachine = [...ground, 'faults', 'hardware', 'hal', 'wdf', 'workload', 'verifier', 'trace'];
const belowCli = [...belowMachine, 'machine', 'backends', 'explore', 'campaign', 'conformance', 'report'];

/** @type {Record<string, string[]>} */
const allowed = {
  nt: [],
  memory: ['nt'],
  kernel: ['nt', 'memory'],
  faults: ground,
  hardware: ['nt', 'memory'], // and the kernel and fault files below
  hal: [...ground, 'faults'],
  wdf: [...ground, 'hal'],
  workload: [...ground, 'hal', 'wdf'],
  verifier: ['nt', 'kernel'],
  trace: ['nt', 'kernel'],
  machine: belowMachine,
  backends: [...belowMachine, 'machine'],
  explore: [...belowMachine, 'machine', 'backends'],
  campaign: [...belowMachine, 'machine', 'backends', 'explore'],
  conformance: [...ground, 'hal', 'wdf'],
  report: [...belowMachine, 'machine', 'backends', 'explore', 'campaign', 'conformance'],
  cli: [...belowCli, 'scenarios'],
  scenarios: [], // and src/index.ts, the public API
};
/** Device models run on worker threads: they load these and not the kernel. */
const kernelFilesOfHardware = ['op', 'event-ring', 'random', 'clock'];
const faultFilesOfHardware = ['fault-kind', 'fault-plan'];
/** What worker threads load must be small, and the ground must not depend on anybody's package. */
const withoutPackages = [...ground, 'faults', 'hardware', 'hal', 'wdf', 'verifier'];

/** Files beside the folders that a folder may reach. @type {Record<string, string[]>} */
const allowedFiles = {
  hardware: [
    ...kernelFilesOfHardware.map((name) => `src/kernel/${name}\\.ts`),
    ...faultFilesOfHardware.map((name) => `src/faults/${name}\\.ts`),
  ],
  scenarios: ['src/index\\.ts'],
  cli: ['src/index\\.ts'],
};

const outsideOf = (folder) => {
  const folders = [folder, ...allowed[folder]].map((name) => `^src/${name}/`);
  const files = (allowedFiles[folder] ?? []).map((file) => `^${file}$`);
  return [...folders, ...files].join('|');
};

const layers = Object.keys(allowed).map((folder) => ({
  name: `layer-${folder}`,
  comment: `src/${folder} imports only: ${[...allowed[folder], ...(allowedFiles[folder] ?? [])].join(', ') || 'nothing of the project'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^(src|workers|bench|test)/', pathNot: outsideOf(folder) },
}));

const known = Object.keys(allowed).join('|');

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'unknown-folder',
      comment: 'a new folder of src needs a line in the table of .dependency-cruiser.cjs',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${known})/` },
      to: {},
    },
    {
      name: 'public-api-stays-below-the-tools',
      comment: 'src/index.ts is what scenarios import: it must not reach scenarios, the command line or the entries',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^(src/(cli|scenarios)|workers|bench|test)/' },
    },
    {
      name: 'engine-worker-is-small',
      comment: 'a worker thread that carries device engines loads memory, hardware and the clock, nothing of the driver world',
      severity: 'error',
      from: { path: '^workers/', pathNot: '^workers/explore\\.ts$' },
      to: { path: '^(src|bench|test)/', pathNot: '^src/(memory|hardware)/|^src/kernel/clock\\.ts$' },
    },
    {
      name: 'ground-has-no-packages',
      comment: 'the ground and the device models run in every thread and every backend: no npm package, no node module',
      severity: 'error',
      from: { path: `^src/(${withoutPackages.join('|')})/` },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'core'] },
    },
    {
      name: 'no-development-packages-in-src',
      comment: 'users do not install devDependencies',
      severity: 'error',
      from: { path: '^(src|workers)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'no-cycle-when-running',
      comment: 'modules that load each other see half-made exports; type-only imports may close a circle inside a folder',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'unresolvable',
      comment: 'an import that leads nowhere hides a direction',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
