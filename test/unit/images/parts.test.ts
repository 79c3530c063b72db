/** Small decisions about images. */
import assert from 'node:assert/strict';
import { collectPorts } from '../../../src/cli/arguments.js';
import { barLine } from '../../../src/cli/image-bars.js';
import { takenPorts } from '../../../src/cnvms/check-new.js';
import { argvOf, envOf, firstProcess } from '../../../src/cnvms/program.js';
import { imageIds } from '../../../src/cnvms/users.js';
import type { Image } from '../../../src/images/image.js';
import { needFor, needForLayers, shortage } from '../../../src/images/space.js';
import { markOf } from '../../../src/images/whiteouts.js';
import { publishRules } from '../../../src/overlay/publish.js';
import { record } from '../../support/samples.js';

const MIB = 1024 * 1024;

describe('what a layer takes away', () => {
  it('is a name, all of a directory, or nothing', () => {
    assert.deepEqual(markOf('srv/.wh.gone'), { kind: 'gone', path: 'srv/gone' });
    assert.deepEqual(markOf('.wh.top'), { kind: 'gone', path: 'top' });
    assert.deepEqual(markOf('srv/.wh..wh..opq'), { kind: 'opaque', path: 'srv' });
    assert.deepEqual(markOf('srv/.wh..wh.plnk'), { kind: 'nothing' });
  });
  it('is never a directory itself, or what is above it', () => {
    for (const path of ['srv/.wh.', 'srv/.wh..', 'srv/.wh...', '.wh...'])
      assert.throws(() => markOf(path), /means nothing/);
  });
});

describe('room for an image', () => {
  it('is what it takes packed and unpacked, and both figures are told', () => {
    assert.equal(needFor([{ bytes: 10 * MIB }, { bytes: MIB }]), 44 * MIB + 64 * MIB);
    assert.equal(shortage(5 * MIB, 5 * MIB, '/x'), undefined);
    assert.match(shortage(5 * MIB, 4 * MIB, '/x') ?? '', /in \/x: 5 MiB needed, 4 MiB free/);
  });
  it('is nothing for what is here', () => {
    const layer = { digest: '', diffId: '', bytes: 3, unpackedBytes: 7 };
    assert.equal(needForLayers([{ ...layer, hasBlob: true, hasLayer: true }]), 0);
    const all = [
      { ...layer, hasBlob: true, hasLayer: false },
      { ...layer, hasBlob: false, hasLayer: true },
    ];
    assert.equal(needForLayers(all), 64 * MIB + 10);
  });
});

describe('what a cnvm runs', () => {
  const program = {
    ...{ entrypoint: ['/entry'], command: ['default'], env: ['A=image', 'B=image'], user: '', workingDir: '/srv' },
    ...{ stopSignal: 'SIGTERM', volumes: [], ports: [] },
  };
  const image = { program, system: false } as unknown as Image;
  const order = { entrypoint: [], command: [], env: [] };
  const PASSWD = 'root:x:0:0::/root:/bin/sh\nwww:x:33:34::/var/www:/bin/sh\n';
  const GROUP = 'root:x:0:\nwww:x:34:\nextra:x:50:www\n';

  it('is its image’s word, or what was said in its place', () => {
    assert.deepEqual(argvOf(image, undefined), ['/entry', 'default']);
    assert.deepEqual(argvOf(image, { ...order, command: ['mine'] }), ['/entry', 'mine']);
    assert.deepEqual(argvOf(image, { ...order, entrypoint: ['/other'] }), ['/other']);
    assert.deepEqual(argvOf(image, { ...order, entrypoint: ['/other'], command: ['x'] }), ['/other', 'x']);
  });
  it('has the last word on each variable, a PATH, and its user’s HOME', () => {
    const env = envOf(image, { ...order, env: ['B=mine', 'C=a=b'] });
    assert.deepEqual(env.slice(1), ['A=image', 'B=mine', 'C=a=b']);
    assert.match(env[0] ?? '', /^PATH=.*\/bin/);
    const web = { ...image, program: { ...program, user: 'www' } };
    const first = firstProcess(record, web, PASSWD, GROUP);
    assert.deepEqual([first.ids.uid, first.ids.gid, first.ids.groups, first.cwd], [33, 34, [50], '/srv']);
    assert.ok(first.env.includes('HOME=/var/www'));
  });
  it('is refused when it is nothing, or runs as nobody there', () => {
    const nothing = { ...image, program: { ...program, entrypoint: [], command: [] } };
    assert.throws(() => firstProcess(record, nothing, '', ''), /does not say what to run/);
    const ghost = { ...image, program: { ...program, user: 'ghost' } };
    assert.throws(() => firstProcess(record, ghost, PASSWD, GROUP), /runs as "ghost"/);
  });
  it('runs as whom its image says', () => {
    const ids = (user: string) => imageIds(user, PASSWD, GROUP);
    const three = (user: string) => [ids(user)?.uid, ids(user)?.gid, ids(user)?.home];
    assert.deepEqual(three(''), [0, 0, '/root']);
    assert.deepEqual(three('33'), [33, 34, '/var/www']);
    assert.deepEqual(three('33:0'), [33, 0, '/var/www']);
    assert.deepEqual(three('www:extra'), [33, 50, '/var/www']);
    assert.deepEqual(three('1234'), [1234, 0, '/']);
    assert.equal(ids('www:ghosts'), undefined);
    assert.equal(ids('ghost'), undefined);
  });
});

describe('published ports', () => {
  const port = { nodePort: 8080, cnvmPort: 80, protocol: 'tcp' } as const;
  it('are written as people write them', () => {
    assert.deepEqual(collectPorts('8080:80', []), [port]);
    assert.deepEqual(collectPorts('53:5353/udp', [port]), [port, { nodePort: 53, cnvmPort: 5353, protocol: 'udp' }]);
    assert.deepEqual(collectPorts('exposed', []), ['exposed']);
    for (const text of ['80', '0:80', '80:65536', '80:80/sctp', 'a:b', ''])
      assert.throws(() => collectPorts(text, []), /no port/);
  });
  it('lead to one cnvm only', () => {
    const others = [{ name: 'other', ports: [port] }, { name: 'none' }];
    assert.deepEqual(takenPorts([port], others, 'node1'), ['the port 8080/tcp of node1 leads to other']);
    assert.deepEqual(takenPorts([{ ...port, protocol: 'udp' }], others, 'node1'), []);
  });
  it('are rules that replace what was there', () => {
    const rules = publishRules([{ ...port, address: '10.100.1.2' }], '10.100.0.0/16', '10.100.0.1');
    assert.match(rules, /flush chain inet cnvm published/);
    assert.match(rules, /tcp dport 8080 dnat ip to 10\.100\.1\.2:80$/m);
    assert.match(rules, /ip daddr != \{ 10\.100\.0\.0\/16, 127\.0\.0\.0\/8, 169\.254\.1\.1 \} tcp dport 8080/);
    assert.match(rules, /snat ip to 10\.100\.0\.1/);
    assert.doesNotMatch(publishRules([], '10.100.0.0/16', '10.100.0.1'), /dport/);
  });
});

describe('how far an image is', () => {
  it('is one line that fits', () => {
    const one = new Map([['', { step: 'fetch', bytesDone: 5n, bytesTotal: 10n }]]);
    assert.match(barLine(one, 80), /^\[>\] fetch \[#{12}\.{12}\] 50% of 10 B$/);
    assert.equal(barLine(one, 10).length, 9);
    const two = new Map([...one, ['node2', { step: 'unpack', bytesDone: 0n, bytesTotal: 0n }]]);
    assert.match(barLine(two, 80), /node2: unpack$/);
  });
});
