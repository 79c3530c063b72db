import assert from 'node:assert/strict';
import { diagnose, type Patient, type Word } from '../../../src/mesh/diagnosis.js';
import type { Finding } from '../../../src/mesh/node-facts.js';
import { facts } from '../../support/samples.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const DAY = 24 * 60 * 60 * 1000;
const word = (more: Partial<Word> = {}): Word => ({
  ...{ findings: [], facts: facts('node'), timeMs: NOW, notAfterMs: NOW + 30 * DAY, holdsCa: false, inDoubt: [] },
  ...more,
});
const patient = (name: string, more: Partial<Patient> = {}): Patient => ({
  ...{ name, reach: name === 'node1' ? 'self' : 'up', state: 'alive', error: '', word: word() },
  ...{ askedMs: NOW - 100, answeredMs: NOW + 100 },
  ...more,
});
const wrong = (patients: readonly Patient[], name: string): Finding[] =>
  diagnose(patients, NOW)
    .filter((one) => one.name === name)
    .flatMap(({ findings }) => findings.filter(({ level }) => level !== 'ok'));
const told = (patients: readonly Patient[], name: string): string =>
  wrong(patients, name)
    .map(({ level, subject, detail }) => `${level} ${subject}: ${detail}`)
    .join('\n');

describe('a diagnosis', () => {
  it('of a mesh that is well says nothing that is wrong, and what was looked at', () => {
    const all = diagnose([patient('node1'), patient('node2')], NOW);
    assert.deepEqual(
      all.map(({ name, findings }) => [name, findings.map(({ level, subject }) => `${level} ${subject}`)]),
      [
        ['node1', ['ok certificate']],
        ['node2', ['ok certificate', 'ok clock']],
      ],
    );
  });

  it('passes on what each node says of itself', () => {
    const finding: Finding = { level: 'error', subject: 'runc', detail: 'is missing', remedy: 'apt install runc' };
    assert.deepEqual(wrong([patient('node1'), patient('node2', { word: word({ findings: [finding] }) })], 'node2'), [
      finding,
    ]);
  });

  it('says who is down, and who is merely late, old, or gone by its own will', () => {
    const down = { reach: 'down' as const, error: 'no route', word: undefined };
    const self = patient('node1');
    assert.match(
      told([self, patient('node2', { ...down, state: 'dead' })], 'node2'),
      /^error peer: does not answer: no route$/,
    );
    assert.match(told([self, patient('node2', { ...down, state: undefined })], 'node2'), /^error peer/);
    assert.match(told([self, patient('node2', { ...down, state: 'suspect' })], 'node2'), /^warning peer/);
    assert.match(told([self, patient('node2', { word: undefined })], 'node2'), /^warning peer: is too old/);
    assert.equal(told([self, patient('node2', { ...down, state: 'left' })], 'node2'), '');
  });

  it('of certificates says how long they last, and who should have renewed them', () => {
    const at = (days: number, holdsCa = false) =>
      wrong(
        [
          patient('node1', { word: word({ holdsCa }) }),
          patient('node2', { word: word({ notAfterMs: NOW + days * DAY }) }),
        ],
        'node2',
      );
    assert.deepEqual(at(8), []);
    assert.equal(at(6)[0]?.level, 'warning');
    assert.match(at(6)[0]?.remedy ?? '', /playbook/);
    assert.match(at(6, true)[0]?.remedy ?? '', /log says why it is not renewed/);
    assert.equal(at(1)[0]?.level, 'error');
    assert.equal(at(-1)[0]?.detail, 'has expired');
  });

  it('of clocks says how far they are apart, less the time that asking takes', () => {
    const at = (ms: number) =>
      told([patient('node1'), patient('node2', { word: word({ timeMs: NOW + ms }) })], 'node2');
    assert.equal(at(1_900), '');
    assert.equal(at(-1_900), '');
    assert.equal(at(5_100), 'warning clock: is 5 s ahead of the one here');
    assert.equal(at(-2 * 60 * 60 * 1000), 'error clock: is 7200 s behind the one here');
  });

  it('says what two nodes do not have alike, and what is in doubt', () => {
    const other = word({
      facts: { ...facts('node'), version: '9', criuVersion: '1', overlayEncryption: 'none', runcVersion: '0' },
      inDoubt: ['web'],
    });
    const self = patient('node1', { word: word({ facts: { ...facts('node'), overlayEncryption: 'wireguard' } }) });
    const subjects = wrong([self, patient('node2', { word: other })], 'node2').map(
      ({ level, subject }) => `${level} ${subject}`,
    );
    assert.deepEqual(subjects, [
      'error in doubt',
      'warning version',
      'error criu',
      'error runc',
      'error overlay encryption',
    ]);
  });
});
