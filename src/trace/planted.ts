export const x = import('../memory/index.js');
