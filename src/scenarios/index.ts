export { builtInScenarios } from './built-in.js';
