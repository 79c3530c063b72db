import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { crlText, readCrl } from '../../../src/pki/crl.js';
import type { TlsFiles } from '../../../src/pki/identity.js';
import { initPki, issueNode, renewFor } from '../../../src/pki/pki-dir.js';
import { replacePair, settlePair } from '../../../src/pki/replace-pair.js';
import { requestFor, signRequest } from '../../../src/pki/request-files.js';
import { openRevocations } from '../../../src/pki/revocations.js';
import { addRevoked } from '../../../src/pki/revoke.js';
import { openRotation, type Rotation } from '../../../src/pki/rotation.js';
import { temporary } from '../../support/temporary.js';

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const until = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > until) throw new Error(`${what} did not come about`);
    await sleep(10);
  }
}

describe("a node's certificate", () => {
  const directory = temporary();
  const file = (...path: string[]) => join(directory(), ...path);
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  let rotation: Rotation | undefined;
  let files: TlsFiles;

  beforeEach(async () => {
    lines.splice(0);
    await initPki(directory(), { force: false });
    await issueNode(directory(), 'node1', { force: false });
    files = { ca: file('ca.crt'), cert: file('nodes', 'node1.crt'), key: file('nodes', 'node1.key') };
  });
  afterEach(() => {
    rotation?.close();
    rotation = undefined;
  });
  function open(): Rotation {
    rotation = openRotation(files, 'node1', log);
    return rotation;
  }

  it('is taken when it is new, without being asked', async () => {
    const before = open().current();
    let told = 0;
    rotation?.onChange(() => {
      told += 1;
    });
    await renewFor(directory(), 'node', 'node1');
    await eventually('the new one', () => rotation?.current().serial !== before.serial);
    assert.equal(told, 1);
    assert.equal(rotation?.current().key, readFileSync(files.key, 'utf8'));
  });

  it('is taken when it was carried to the CA and back, and so is the key that has waited for it', async () => {
    const node = file('there');
    mkdirSync(node);
    for (const end of ['crt', 'key']) copyFileSync(file('nodes', `node1.${end}`), join(node, `node.${end}`));
    files = { ca: file('ca.crt'), cert: join(node, 'node.crt'), key: join(node, 'node.key') };
    const before = open().current();
    const { request, key } = await requestFor(node);
    const wish = { role: 'node', name: 'node1' } as const;
    const certificate = await signRequest(directory(), readFileSync(request, 'utf8'), wish);
    writeFileSync(files.cert, `${certificate}\n`);
    await eventually('the new one', () => rotation?.current().serial !== before.serial);
    assert.ok(!existsSync(key));
    assert.equal(rotation?.current().key, readFileSync(files.key, 'utf8'));
  });

  it('is taken by an order, before anything else notices', async () => {
    const before = open().current();
    await renewFor(directory(), 'node', 'node1');
    assert.equal(rotation?.reload(), true);
    assert.notEqual(rotation?.current().serial, before.serial);
  });

  it('is not taken when it is half there, of another CA, of another node, expired, or no certificate; the old one goes on', async () => {
    const before = open().current();
    const keep = { cert: file('kept.crt'), key: file('kept.key') };
    copyFileSync(files.cert, keep.cert);
    copyFileSync(files.key, keep.key);
    const other = join(directory(), 'other');
    await initPki(other, { force: false });
    await issueNode(other, 'node1', { force: false });
    await issueNode(directory(), 'node2', { force: false });
    await issueNode(directory(), 'node3', { force: false, lifetimeMs: 1 });
    const spoil: [string, RegExp, () => void][] = [
      ['half there', /is not the key of/, () => copyFileSync(file('nodes', 'node2.key'), files.key)],
      [
        'of another CA',
        /is not signed by/,
        () =>
          ['crt', 'key'].forEach(
            (end) => void copyFileSync(join(other, 'nodes', `node1.${end}`), file('nodes', `node1.${end}`)),
          ),
      ],
      [
        'of another node',
        /of node node2, not of node node1/,
        () =>
          ['crt', 'key'].forEach(
            (end) => void copyFileSync(file('nodes', `node2.${end}`), file('nodes', `node1.${end}`)),
          ),
      ],
      ['no certificate', /is no certificate/, () => writeFileSync(files.cert, 'nothing')],
      ['gone', /cannot read/, () => rmSync(files.cert)],
    ];
    for (const [what, words, act] of spoil) {
      lines.splice(0);
      act();
      await eventually(`a complaint: ${what}`, () =>
        lines.some((line) => words.test(line) && /the old one goes on/.test(line)),
      );
      assert.equal(rotation?.current().serial, before.serial, what);
      copyFileSync(keep.cert, files.cert);
      copyFileSync(keep.key, files.key);
      assert.equal(rotation?.reload(), false);
    }
    await renewFor(directory(), 'node', 'node1', 1);
    lines.splice(0);
    rotation?.reload();
    await eventually('a complaint', () => lines.some((line) => /has expired/.test(line)));
    assert.equal(rotation?.current().serial, before.serial);
    assert.ok(lines.every((line) => !line.includes('PRIVATE KEY')));
  }).timeout(30_000);

  it('whose key others can read is refused', () => {
    chmodSync(files.key, 0o640);
    assert.throws(open, /chmod 600/);
  });

  it('that was being replaced when the power went is whole again', async () => {
    const before = readFileSync(files.key, 'utf8');
    await renewFor(directory(), 'node', 'node1');
    // As it was after the certificate and before the key.
    renameSync(files.key, `${files.key}.next`);
    writeFileSync(files.key, before, { mode: 0o600 });
    assert.doesNotThrow(open);
    // And as it was before the certificate: what lies there is not taken.
    writeFileSync(`${files.key}.next`, before, { mode: 0o600 });
    settlePair(files);
    assert.notEqual(readFileSync(files.key, 'utf8'), before);
    await replacePair(files, { certificate: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') });
    assert.doesNotThrow(() => rotation?.reload());
  });
});

describe("a node's list of what is revoked", () => {
  const directory = temporary();
  const file = (...path: string[]) => join(directory(), ...path);
  const log = pino({ level: 'silent' });
  const closing: (() => void)[] = [];
  afterEach(() => closing.splice(0).forEach((close) => void close()));
  const ca = () => readFileSync(file('ca.crt'), 'utf8');
  const serial = (digit: string) => digit.repeat(40);
  const at = (...digits: string[]) => new Map(digits.map((digit) => [serial(digit), Date.now() - 60_000]));

  async function openAt(name: string, authority?: string) {
    const opened = await openRevocations({ file: file(name), ca, authority, log });
    closing.push(opened.close);
    return opened;
  }

  it('is the one with the highest number, and is known again after a new start', async () => {
    await initPki(directory(), { force: false });
    const [one, two] = [await addRevoked(directory(), at('4')), await addRevoked(directory(), at('5'))];
    const list = await openAt('a.crl');
    await list.hear(two.der);
    await list.hear(one.der);
    assert.equal(list.current()?.number, 2);
    assert.ok(list.isRevoked(serial('4')) && list.isRevoked(serial('5')) && !list.isRevoked(serial('6')));
    const again = await openAt('a.crl');
    assert.equal(again.current()?.number, 2);
    await assert.rejects(list.hear(new Uint8Array([1, 2, 3])), /no list/);
  });

  it('is taken from its file when a newer one is put there, and put back when an older one or none is', async () => {
    await initPki(directory(), { force: false });
    const one = await addRevoked(directory(), at('4'));
    const list = await openAt('a.crl');
    writeFileSync(file('a.crl'), crlText(one));
    await eventually('the list', () => list.isRevoked(serial('4')));
    const two = await addRevoked(directory(), at('5'));
    await list.hear(two.der);
    writeFileSync(file('a.crl'), crlText(one));
    await eventually('the newer one again', () => readFileSync(file('a.crl'), 'utf8') === crlText(two));
    writeFileSync(file('a.crl'), 'nonsense');
    await sleep(200);
    assert.equal(list.current()?.number, 2);
  });

  it('of two who hold the CA and revoke apart becomes one that has both', async () => {
    await initPki(directory(), { force: false });
    const copies = ['a', 'b'].map((name) => file(name));
    const lists = await Promise.all(
      copies.map(async (copy, index) => {
        await initPki(copy, { force: false });
        for (const name of ['ca.crt', 'ca.key']) copyFileSync(file(name), join(copy, name));
        await addRevoked(copy, at(index === 0 ? '4' : '5'));
        return await openAt(join(index === 0 ? 'a' : 'b', 'ca.crl'), copy);
      }),
    );
    const [a, b] = lists;
    assert.ok(a !== undefined && b !== undefined);
    for (let round = 0; round < 3; round += 1) {
      await b.hear(a.current()?.der ?? new Uint8Array());
      await a.hear(b.current()?.der ?? new Uint8Array());
    }
    const numbers = new Set(lists.map((list) => list.current()?.number));
    assert.equal(numbers.size, 1);
    for (const list of lists) {
      assert.ok(list.isRevoked(serial('4')) && list.isRevoked(serial('5')));
      assert.equal((await readCrl(list.current()?.der ?? '', ca())).revoked.size, 2);
    }
    // It is over then: nobody signs another one for what all have.
    const [number] = numbers;
    await a.hear(b.current()?.der ?? new Uint8Array());
    assert.equal(a.current()?.number, number);
  });

  it('loses nothing that is revoked in the directory of the CA in the moment in which another list is heard', async () => {
    const [here, there] = [file('here'), file('there')];
    for (const one of [directory(), here, there]) await initPki(one, { force: false });
    for (const name of ['ca.crt', 'ca.key'])
      for (const copy of [here, there]) copyFileSync(file(name), join(copy, name));
    const list = await openAt(join('here', 'ca.crl'), here);
    const other = await addRevoked(there, at('4'));
    // The daemon has not looked at it yet.
    await addRevoked(here, at('5'));
    await list.hear(other.der);
    await eventually('both are known', () => list.isRevoked(serial('4')) && list.isRevoked(serial('5')));
    const kept = await readCrl(readFileSync(join(here, 'ca.crl'), 'utf8'), ca());
    assert.deepEqual([...kept.revoked.keys()].toSorted(), [serial('4'), serial('5')]);
  });
});
