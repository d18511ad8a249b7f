import { describe, it } from 'mocha';
import { RuleTester, type Rule } from 'eslint';
import { join } from 'node:path';
import tseslint from 'typescript-eslint';
import { importTool, projectRoot } from './project.js';

const { suspendingUnderYieldStar } = await importTool<{ suspendingUnderYieldStar: Rule.RuleModule }>(
  'tools/eslint/suspending-under-yield-star.js',
);

RuleTester.describe = describe;
RuleTester.it = it;

const folder = join(projectRoot, 'test/tidy/fixture');
const tester = new RuleTester({
  languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: folder } },
});

const prelude = `
import type { Suspending } from '../../../src/kernel/op.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { EventRing } from '../../../src/kernel/event-ring.js';
declare const kernel: Kernel;
declare function step(): Suspending<number>;
declare function maybe(): Suspending<void> | undefined;
declare const device: { evtStart?: () => Suspending<void>; lock: { acquire(): Suspending<void> } };
declare function start(name: string, body: Suspending<number>): void;
declare function startAll(...bodies: Suspending<number>[]): void;
declare function swallow(anything: unknown): void;
declare function register(callbacks: { evtDpc: () => Suspending<void>; evtIsr(): Suspending<boolean>; evtNone?: () => Suspending<void> }): void;
`;
const file = join(folder, 'case.ts');
const good = (name: string, code: string) => ({ name, filename: file, code: `${prelude}${code}` });
const bad = (name: string, code: string, messageId = 'notUnderYieldStar') => ({ ...good(name, code), errors: [{ messageId }] });

tester.run('dmalab/suspending-under-yield-star', suspendingUnderYieldStar, {
  valid: [
    good('directly under yield*', 'export function* f(): Suspending<number> { return (yield* step()) + 1; }'),
    good('a method, under yield*', 'export function* f(): Suspending<void> { yield* device.lock.acquire(); }'),
    good('an optional call, under yield*', 'export function* f(): Suspending<void> { yield* device.evtStart?.()!; }'),
    good('argument of a parameter declared Suspending', "start('a', step());"),
    good('argument of a generic kernel start function', "kernel.runStraight('test', step());"),
    good(
      'argument of a constructor that takes code',
      'class Run { constructor(readonly body: Suspending<number>) {} } export const r = new Run(step());',
    ),
    good('a plain start function with a declared type', 'export function f(): Suspending<number> { return step(); }'),
    good(
      'a conditional that a plain start function returns',
      'export function f(a: boolean): Suspending<number> { return a ? step() : step(); }',
    ),
    good('an arrow whose context says Suspending', 'register({ evtDpc: () => device.lock.acquire(), *evtIsr() { return true; } });'),
    good(
      'a method whose context says Suspending',
      'declare function is(): Suspending<boolean>; register({ *evtDpc() {}, evtIsr() { return is(); } });',
    ),
    good(
      'an optional callback',
      'declare function is(): Suspending<boolean>; register({ *evtDpc() {}, evtIsr: is, evtNone: () => device.lock.acquire() });',
    ),
    good('other generators: records', 'export const all = [...new EventRing(4).newest()];'),
    good('other generators: numbers', 'function* count(): Generator<number> { yield 1; } export const n = count();'),
    good('other generators: strings', "function* words() { yield 'a'; } export const w = words();"),
  ],
  invalid: [
    bad('forgotten yield*', 'export function* f(): Suspending<void> { step(); }'),
    bad('forgotten yield* on a lock', 'export function* f(): Suspending<void> { device.lock.acquire(); }'),
    bad('forgotten yield* before a comparison', 'export function* f(): Suspending<boolean> { return (step() as unknown) === 0; }'),
    bad('yield without the star', 'export function* f(): Generator<unknown> { yield step(); }', 'yieldWithoutStar'),
    bad('the condition of a conditional', 'export function f(): number { return (step() as unknown as boolean) ? 1 : 2; }'),
    bad(
      'a conditional that is stored',
      'export function* f(a: boolean): Suspending<number> { const s = a ? step() : null; return yield* s!; }',
    ),
    bad('stored', 'export function* f(): Suspending<number> { const s = step(); return yield* s; }'),
    bad('thrown away with void', 'export function f(): void { void step(); }'),
    bad('kept in a list whose elements are Suspending', 'const list: Suspending<number>[] = []; list.push(step());'),
    bad('rest parameters collect', 'startAll(step());'),
    bad('argument of a parameter that is not Suspending', 'swallow(step());'),
    bad('kept in an object', 'export const o = { body: step() };'),
    bad('spread runs it outside the scheduler', 'export const ops = [...step()];'),
    bad(
      'returned from a generator instead of delegated to',
      'export function* f(): Generator<number, unknown, unknown> { return step(); }',
    ),
    bad('returned from an async function', 'export async function f(): Promise<unknown> { return step(); }'),
    bad('returned from a plain function that does not say so', 'export const f = () => step();'),
    {
      ...good('branches of a conditional', 'export function* f(b: boolean): Suspending<number> { return yield* b ? step() : step(); }'),
      errors: [{ messageId: 'notUnderYieldStar' }, { messageId: 'notUnderYieldStar' }],
    },
    bad('perhaps Suspending, ignored', 'export function* f(): Suspending<void> { maybe(); }'),
    bad(
      'an unannotated generator that suspends',
      'function* g() { yield* device.lock.acquire(); } export function* f(): Suspending<void> { g(); }',
    ),
    bad('an unannotated generator that never yields', 'function* g() {} export function* f(): Suspending<void> { g(); }'),
    bad('through as', 'export function* f(): Suspending<void> { step() as unknown; }'),
  ],
});
