// @ts-check
/**
 * Prints `N passed, M failed` from the counts mocha wrote, and fails when a test failed or none ran.
 *
 *     node tools/ci-verdict.js SUMMARY.json
 */
import { readFileSync } from 'node:fs';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: node tools/ci-verdict.js SUMMARY.json');

/** @type {{ passes: number, failures: number, pending: number }} */
let stats = { passes: 0, failures: 0, pending: 0 };
try {
  stats = JSON.parse(readFileSync(file, 'utf8'));
} catch (error) {
  console.error(`mocha left no counts: no test ran (${error instanceof Error ? error.message : error})`);
  process.exitCode = 1;
}
if (stats.pending > 0) console.error(`${stats.pending} tests were skipped`);
if (!(stats.passes > 0) || stats.failures > 0) process.exitCode = 1;
console.log(`${stats.passes} passed, ${stats.failures} failed`);
