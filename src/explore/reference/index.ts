export * from './cancel-race.js';
export * from './strand-program.js';
