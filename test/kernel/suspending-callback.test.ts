import { expect } from 'chai';
import { describe, it } from 'mocha';
import { AsyncCallbackError, suspendingCallback, type Suspending } from '../../src/kernel/index.js';
import { newKernel, point } from './bench-kernel.js';

describe('driver callbacks', () => {
  it('of any form run to their end and give their value back', () => {
    const kernel = newKernel();
    const forms: [string, (n: number) => Suspending<number> | number][] = [
      [
        'generator',
        function* (n) {
          yield* point(kernel);
          return n + 1;
        },
      ],
      ['plain', (n) => n + 1],
      ['plain that starts a generator', (n) => add(n)],
    ];
    function* add(n: number): Suspending<number> {
      yield* point(kernel);
      return n + 1;
    }
    for (const [form, callback] of forms) {
      const run = suspendingCallback(callback);
      kernel.points = 0;
      expect(kernel.runStraight('test', run(41)), form).to.equal(42);
      expect(kernel.points, form).to.equal(form === 'plain' ? 0 : 1);
    }
  });

  it('that are generator functions already are not wrapped', () => {
    const callback = function* (): Suspending<void> {};
    expect(suspendingCallback(callback)).to.equal(callback);
  });

  it('may give back nothing, null or an object', () => {
    const kernel = newKernel();
    const object = { a: 1 };
    for (const value of [undefined, null, object, [1]]) {
      const run = suspendingCallback(() => value);
      expect(kernel.runStraight('test', run())).to.equal(value);
    }
  });

  it('may not be async, with or without a star', () => {
    const callbacks = [async () => Promise.resolve(), async function* () {}];
    for (const callback of callbacks) expect(suspendingCallback<[], unknown>(callback)).to.throw(AsyncCallbackError);
  });
});
