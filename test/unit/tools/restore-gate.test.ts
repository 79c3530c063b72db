import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { besideGate, breakGate, makeGate, removeGate } from '../../../src/tools/restore-gate.js';
import { run } from '../../../src/tools/run.js';
import { temporary } from '../../support/temporary.js';

const FIRST = 'inventory.img';

describe('the gate of a restore', () => {
  const directory = temporary();
  const path = () => join(directory(), FIRST);
  const come = () => writeFileSync(join(directory(), besideGate(FIRST)), 'what is in it');

  it('keeps who reads the first image until it is opened, and then gives it', async () => {
    const gate = await makeGate(directory());
    let got: string | undefined;
    const reading = readFile(path(), 'utf8').then((text) => {
      got = text;
    });
    come();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(got, undefined);
    gate.open();
    await reading;
    assert.equal(got, 'what is in it');
    assert.equal(readFileSync(path(), 'utf8'), 'what is in it');
    gate.close();
  });

  it('that is closed ends the reading, with nothing read', async () => {
    const gate = await makeGate(directory());
    const reading = readFile(path(), 'utf8');
    await new Promise((resolve) => setTimeout(resolve, 100));
    gate.close();
    assert.equal(await reading, '');
  });

  it('cannot be opened before the image has come', async () => {
    const gate = await makeGate(directory());
    assert.throws(() => gate.open(), /ENOENT/);
    gate.close();
  });

  it('that is removed leaves the image in its place, and harms nothing where there is none', async () => {
    removeGate(directory());
    assert.ok(!existsSync(path()));
    const gate = await makeGate(directory());
    come();
    removeGate(directory());
    assert.ok(lstatSync(path()).isFile());
    gate.close();
  });

  it('whose daemon has died and that is broken ends the reading, and nobody waits there any more', async () => {
    // As one that was made by who died: nobody has it open.
    await run(['mkfifo', path()]);
    come();
    const reading = readFile(path(), 'utf8');
    await new Promise((resolve) => setTimeout(resolve, 100));
    breakGate(directory());
    assert.equal(await reading, '');
    await assert.rejects(readFile(path()), { code: 'ENOENT' });
    removeGate(directory());
    assert.equal(await readFile(path(), 'utf8'), 'what is in it');
    breakGate(directory());
    assert.equal(await readFile(path(), 'utf8'), 'what is in it');
  });

  it('is in the way of no other image', () => {
    assert.equal(besideGate('core-1.img'), 'core-1.img');
    assert.notEqual(besideGate(FIRST), FIRST);
  });
});
