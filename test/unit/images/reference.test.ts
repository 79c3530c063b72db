import assert from 'node:assert/strict';
import { parseSource, pick } from '../../../src/images/reference.js';

const NAMES: readonly [source: string, name: string][] = [
  ['docker://docker.io/library/nginx:1.27', 'nginx:1.27'],
  ['docker://nginx', 'nginx'],
  ['docker://docker.io/someone/thing:latest', 'someone/thing'],
  ['docker://127.0.0.1:5000/test/web:1', '127.0.0.1:5000/test/web:1'],
  [`docker://quay.io/a/b@sha256:${'ab'.repeat(32)}`, 'quay.io/a/b:abababababab'],
  ['oci:/srv/images/base', 'base'],
  ['oci:/srv/images/base:v2', 'base:v2'],
  ['docker-archive:/tmp/web.tar', 'web'],
  ['docker-archive:/tmp/web.tar:some/name:1', 'some/name:1'],
  ['/srv/roots/Debian.tar.gz', 'debian'],
  ['/srv/roots/debian/', 'debian'],
];

describe('where an image comes from', () => {
  for (const [source, name] of NAMES) {
    it(`${source} is called ${name}`, () => assert.equal(parseSource(source, '').name, name));
  }

  it('is called as one likes', () => assert.equal(parseSource('/srv/root', 'mine:1').name, 'mine:1'));

  it('is refused when it is nothing of the kind, or its name is none', () => {
    const wrong = [
      '',
      'nginx',
      'dir:/x',
      'oci:relative',
      'docker:nginx',
      'docker://',
      'docker://a/b:$(x)',
      'docker://-x/y z',
      '/a\0b',
    ];
    for (const source of wrong)
      assert.throws(() => parseSource(source, ''), { code: 'refused', kind: 'invalid' }, source);
    for (const name of ['-x', 'A', 'a b', '../x', 'x/', `a${'b'.repeat(300)}`])
      assert.throws(() => parseSource('/srv/root', name), { code: 'refused', kind: 'invalid' }, name);
  });
});

describe('which image is meant', () => {
  const image = (start: string, ...names: string[]) => ({ names, digest: `sha256:${start.padEnd(64, '0')}` });
  const images = [image('aabbcc1', 'base', 'base:1'), image('aabbcc2'), image('dd0000', 'web')];

  it('by a name, a digest, the beginning of one, or both', () => {
    assert.equal(pick(images, 'base'), images[0]);
    assert.equal(pick(images, 'web:latest'), images[2]);
    assert.equal(pick(images, 'aabbcc2'), images[1]);
    assert.equal(pick(images, images[1]?.digest ?? ''), images[1]);
    assert.equal(pick(images, `base@${images[0]?.digest}`), images[0]);
  });

  it('none, or more than one, is refused', () => {
    assert.throws(() => pick(images, 'nope'), /there is: base, base:1, web/);
    assert.throws(() => pick(images, 'aabbcc'), /beginning of 2 digests/);
    assert.throws(() => pick(images, 'dd00'), /no image/);
    assert.throws(() => pick(images, `web@${images[0]?.digest?.replace('aabb', 'eeee')}`), /no image/);
  });
});
