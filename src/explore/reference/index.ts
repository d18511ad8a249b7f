export * from './cancel-race.js';
export * from './model-races.js';
export * from './source-dpor.js';
export * from './strand-program.js';
