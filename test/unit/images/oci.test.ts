import assert from 'node:assert/strict';
import { lowerNames } from '../../../src/images/layers.js';
import { layerId } from '../../../src/images/layout.js';
import { chosenOf, imageOf, onlyManifest, parseManifest, platformRefusal } from '../../../src/images/oci.js';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const blob = (letter: string) => ({ mediaType: 'application/x', digest: digest(letter), size: 10 });
const manifestText = (...letters: string[]) => JSON.stringify({ config: blob('c'), layers: letters.map(blob) });

function image(config: object | undefined, diffs = ['1', '2'], layers = ['a', 'b']) {
  const text = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { diff_ids: diffs.map(digest) }, config });
  return imageOf(digest('f'), parseManifest(manifestText(...layers)), text);
}

describe('an image of OCI', () => {
  it('says what it is made of, the lowest first, and what it runs', () => {
    const { layers, program, configDigest } = image({
      ...{
        User: 'www:www',
        Env: ['A=b'],
        Entrypoint: ['/entry'],
        Cmd: ['serve'],
        WorkingDir: '/srv',
        StopSignal: 'SIGQUIT',
      },
      ...{ Volumes: { '/data': {}, '/a': {} }, ExposedPorts: { '80/tcp': {}, '53/udp': {}, '9000-9001': {}, odd: {} } },
    });
    assert.deepEqual(
      layers.map(({ diffId }) => diffId),
      [digest('1'), digest('2')],
    );
    assert.equal(configDigest, digest('c'));
    assert.deepEqual(program, {
      ...{ entrypoint: ['/entry'], command: ['serve'], env: ['A=b'], user: 'www:www', workingDir: '/srv' },
      ...{ stopSignal: 'SIGQUIT', volumes: ['/a', '/data'] },
      ports: [
        { port: 80, protocol: 'tcp' },
        { port: 53, protocol: 'udp' },
        { port: 9000, protocol: 'tcp' },
        { port: 9001, protocol: 'tcp' },
      ],
    });
  });

  it('that says nothing is root’s, in /, and stopped by TERM', () => {
    for (const config of [undefined, {}, { User: null, Env: null, Volumes: null }]) {
      const { user, workingDir, stopSignal, env } = image(config).program;
      assert.deepEqual([user, workingDir, stopSignal, env], ['', '/', 'SIGTERM', []]);
    }
  });

  it('behaves like a machine when it says so, or when it runs an init', () => {
    assert.equal(image({ Cmd: ['/sbin/init'] }).system, true);
    assert.equal(image({ Entrypoint: ['/lib/systemd/systemd'] }).system, true);
    assert.equal(image({ Entrypoint: ['nginx'], Cmd: ['init'] }).system, false);
    assert.equal(image({ Entrypoint: ['/tini'], Labels: { 'cnvm.kind': 'system' } }).system, true);
    assert.equal(image({ Cmd: ['/sbin/init'], Labels: { 'cnvm.kind': 'classic' } }).system, false);
  });

  it('is refused when it is not what it seems', () => {
    assert.throws(() => image({}, ['1']), /2 layers and the sums of 1/);
    assert.throws(() => image({}, [], []), /0 layers/);
    const many = Array.from({ length: 81 }, () => 'a');
    assert.throws(() => image({}, many, many), /81 layers; from 1 to 80/);
    assert.throws(() => parseManifest('{'), /no JSON/);
    assert.throws(
      () => parseManifest('{"config":{"digest":"sha256:../x","mediaType":"","size":1},"layers":[]}'),
      /config\.digest/,
    );
    assert.throws(() => image({ Entrypoint: [1] }), /config/);
  });

  it('for another platform is refused, and chosen out of a list for this one', () => {
    const about = (os: string, architecture: string) => JSON.stringify({ os, architecture, rootfs: { diff_ids: [] } });
    assert.equal(platformRefusal(about('linux', 'amd64'), 'amd64'), undefined);
    assert.match(
      platformRefusal(about('linux', 's390x'), 'amd64') ?? '',
      /linux on s390x, and this node is linux on amd64/,
    );
    assert.match(platformRefusal(about('windows', 'amd64'), 'amd64') ?? '', /windows/);
    const one = (letter: string, architecture: string) => ({
      ...blob(letter),
      platform: { os: 'linux', architecture },
    });
    const list = JSON.stringify({ manifests: [one('a', 'arm64'), one('b', 'amd64')] });
    assert.deepEqual([chosenOf(list, 'amd64'), chosenOf(list, 's390x')], [digest('b'), undefined]);
    assert.equal(chosenOf(manifestText('a'), 'amd64'), undefined);
    assert.throws(() => onlyManifest(list), /holds 2 images/);
  });

  it('that has a layer twice is stacked with it where it is uppermost', () => {
    const { layers } = image({}, ['1', '2', '1', '3'], ['a', 'b', 'a', 'd']);
    assert.deepEqual(
      lowerNames({ ...image({}), layers }),
      ['3', '1', '2'].map((letter) => layerId(digest(letter))),
    );
  });
});
