import assert from 'node:assert/strict';
import { Command } from 'commander';
import { parseLabels } from '../../../src/cli/arguments.js';
import { completionScript } from '../../../src/cli/completion.js';
import { addEvacuationCommands } from '../../../src/cli/evacuation-commands.js';
import { evacuationCode, evacuationText } from '../../../src/cli/evacuation-text.js';
import {
  EvacuationEnd,
  EvacuationOutcome,
  type EvacuationResult,
  type EvacuationSummary,
} from '../../../src/gen/cnvm/v1/evacuation.js';

const result = (name: string, outcome: EvacuationOutcome, ...reasons: string[]): EvacuationResult => ({
  ...{ name, outcome, target: 'node2', tries: 1, reasons, freezeMs: 412, totalMs: 2100 },
});
const summary = (end: EvacuationEnd, dryRun: boolean, ...results: EvacuationResult[]): EvacuationSummary => ({
  ...{ node: 'node1', end, results, totalMs: 4400, dryRun },
});
const { MOVED, STAYED, IN_DOUBT, WOULD_MOVE } = EvacuationOutcome;
const text = (value: EvacuationSummary) => evacuationText({ event: { $case: 'summary', value } });

describe('an evacuation at a keyboard', () => {
  it('ends with a code that says what is left', () => {
    const { EMPTY, STAYED: LEFT } = EvacuationEnd;
    assert.equal(evacuationCode(summary(EMPTY, false, result('a', MOVED))), 0);
    assert.equal(evacuationCode(summary(LEFT, false, result('a', STAYED))), 1);
    assert.equal(evacuationCode(summary(EvacuationEnd.STOPPED, false, result('a', STAYED))), 1);
    assert.equal(evacuationCode(summary(EvacuationEnd.DEADLINE, false, result('a', IN_DOUBT))), 3);
    assert.equal(evacuationCode(summary(LEFT, true, result('a', STAYED))), 2);
    assert.equal(evacuationCode(summary(EMPTY, true, result('a', WOULD_MOVE))), 0);
  });

  it('says what became of each, and what stayed and why', () => {
    assert.equal(
      evacuationText({ event: { $case: 'result', value: result('a', MOVED) } }),
      '[o] a is on node2: frozen 412 ms, 2.1 s in all\n',
    );
    const stayed = summary(
      EvacuationEnd.DEADLINE,
      false,
      result('a', MOVED),
      result('b', STAYED, 'it is shy', 'so am I'),
    );
    assert.equal(
      text(stayed),
      'node1 is not empty: 1 of 2 stayed, as time was up; it takes new work again after: cnvm uncordon node1\n' +
        'CNVM          WHY\nb     stayed  it is shy; so am I\n',
    );
    assert.match(text(summary(EvacuationEnd.EMPTY, false, result('a', MOVED))), /^node1 is empty after 4\.4 s; /);
    assert.equal(text(summary(EvacuationEnd.STAYED, true, result('a', STAYED))), '1 would stay; nothing has changed\n');
  });

  it('completes the names of nodes', () => {
    const program = new Command('cnvm');
    addEvacuationCommands(program);
    for (const shell of ['bash', 'zsh'])
      for (const command of ['evacuate', 'cordon', 'uncordon'])
        assert.match(completionScript(shell, program), new RegExp(`\\*:${command}\\) .*\\$\\(cnvm __nodes`));
    assert.match(completionScript('fish', program), /__fish_seen_subcommand_from uncordon' -f -a '\(cnvm __nodes\)'/);
  });

  it('takes labels as KEY=value', () => {
    assert.deepEqual(parseLabels(['app=db', 'tier=', 'app=web']), { app: 'web', tier: '' });
    assert.throws(() => parseLabels(['app']), /"app" is no label; write KEY=value/);
  });
});
