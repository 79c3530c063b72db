// Mocha's own "spec" reporter, which also leaves its counts in a file for scripts/test to add up.
const { writeFileSync } = require('node:fs');
const { Runner, reporters } = require('mocha');

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.CNVM_TEST_COUNTS;
      const { passes = 0, failures = 0 } = runner.stats ?? {};
      if (file) writeFileSync(file, `${passes} ${failures}\n`);
    });
  }
};
