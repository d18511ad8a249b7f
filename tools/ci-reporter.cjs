// @ts-check
/** Mocha's spec reporter, which also writes the run's own counts as JSON to the file named by `--reporter-option summary=FILE`. */
const { writeFileSync } = require('node:fs');
const Mocha = require('mocha');

class CiReporter extends Mocha.reporters.Spec {
  /** @param {Mocha.Runner} runner @param {Mocha.MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    const file = options.reporterOptions?.summary;
    if (typeof file !== 'string') throw new Error('ci-reporter needs --reporter-option summary=FILE');
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => writeFileSync(file, `${JSON.stringify(runner.stats)}\n`));
  }
}

module.exports = CiReporter;
