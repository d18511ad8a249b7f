export * from './cancel-race.js';
export * from './source-dpor.js';
export * from './strand-program.js';
