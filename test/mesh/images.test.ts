/** Images between daemons: what a target lacks comes before the cnvm does. */
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeImage, writeLayout } from '../support/fake-image.js';
import { temporary } from '../support/temporary.js';
import { assertAtRest, NAME, testMesh } from './support.js';

const WEB = { layers: [{ 'etc/base': 'base' }, { 'srv/page': 'hello' }], config: { Entrypoint: ['/bin/web'] } };

describe('images', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const directory = temporary();
  const node = (name: string) => mesh().node(name);
  const names = async (name: string) => (await node(name).images()).flatMap((image) => image.names);

  async function web(options = WEB) {
    const layout = join(directory(), 'web');
    writeLayout(layout, fakeImage(options));
    return await node('node1').pullImage(`oci:${layout}`);
  }

  it('that the target lacks come first, and the cnvm then', async () => {
    const { digest } = await web();
    await node('node1').create(NAME, { image: 'web' });
    assert.deepEqual(await names('node2'), ['base']);
    const ended = await node('node1').teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.match(ended.steps.join('\n'), /node2 lacks the image web.*\n.*node2 has the image web/);
    await assertAtRest(mesh(), NAME, 'node2', 2);
    const there = (await node('node2').images()).find((image) => image.digest === digest);
    assert.deepEqual([there?.names, there?.cnvms], [['web'], [NAME]]);
    // The one that they share is there once; the second time nothing has to come.
    const back = await node('node2').teleport(NAME, 'node1');
    assert.doesNotMatch(back.steps.join('\n'), /lacks/);
    await assertAtRest(mesh(), NAME, 'node1', 3);
  });

  it('come also to a cold one, and a plan says so without bringing them', async () => {
    await web();
    await node('node1').create(NAME, { image: 'web', start: false });
    const { warnings } = await node('node1').plan(NAME, 'node2', { cold: true });
    assert.match(warnings.join(), /node2 lacks the image web: 1 MiB come first/);
    assert.deepEqual(await names('node2'), ['base']);
    assert.equal((await node('node1').teleport(NAME, 'node2', 'cold')).outcome, 'succeeded');
    await assertAtRest(mesh(), NAME, 'node2', 2, 'stopped');
  });

  it('that do not fit keep the cnvm where it is, with nothing changed', async () => {
    await web();
    await node('node1').create(NAME, { image: 'web' });
    node('node2').host.registry.availableBytes = 1;
    const ended = await node('node1').teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'refused', ended.error);
    assert.match(ended.error, /not enough space for the image in .* on node2/);
    await assertAtRest(mesh(), NAME, 'node1', 1);
    assert.deepEqual(await names('node2'), ['base']);
  });

  it('are not removed while a cnvm is made from them, also where it has gone', async () => {
    await web();
    await node('node1').create(NAME, { image: 'web' });
    await assert.rejects(node('node1').removeImage('web'), /in use by/);
    await node('node1').teleport(NAME, 'node2');
    await assertAtRest(mesh(), NAME, 'node2', 2);
    await node('node1').removeImage('web');
    assert.deepEqual(await names('node1'), ['base']);
    await assert.rejects(node('node2').removeImage('web'), /in use by/);
    // And the way back brings it again.
    assert.equal((await node('node2').teleport(NAME, 'node1')).outcome, 'succeeded');
    assert.deepEqual(await names('node1'), ['base', 'web']);
  });

  it('go to every peer before anybody needs them, and one that is down is named', async () => {
    await web();
    assert.deepEqual(await node('node1').distributeImage('web'), { node2: 'done', node3: 'done' });
    await node('node3').stop();
    const ends = await node('node1').distributeImage('web');
    assert.equal(ends['node2'], 'done');
    assert.match(ends['node3'] ?? '', /cannot reach node3/);
    await assert.rejects(node('node1').distributeImage('web', ['node9']), /no peer is called node9/);
  });

  it('whose blob was changed at the source are not taken', async () => {
    const { layers } = await web();
    const store = node('node1').host.images();
    const file = store.blobFile(layers[1]?.digest ?? '');
    writeFileSync(file, 'x'.repeat(statSync(file).size));
    const ends = await node('node1').distributeImage('web', ['node2']);
    assert.match(ends['node2'] ?? '', /not what its digest says/);
    assert.deepEqual(await names('node2'), ['base']);
    assert.ok(
      !node('node2')
        .host.images()
        .hasBlob(layers[1]?.digest ?? ''),
    );
  });
});

describe('published ports', () => {
  const mesh = testMesh(['node1', 'node2']);
  const node = (name: string) => mesh().node(name);
  const PORT = { nodePort: 8080, cnvmPort: 80, protocol: 'tcp' };

  it('lead to the cnvm where it is, and nowhere when it is stopped or gone', async () => {
    const at = (name: string) =>
      node(name)
        .host.published()
        .map(({ nodePort, address }) => `${nodePort} ${address}`);
    await node('node1').create(NAME, { address: '10.100.101.111', ports: [PORT] });
    assert.deepEqual([at('node1'), at('node2')], [['8080 10.100.101.111'], []]);
    assert.equal((await node('node1').teleport(NAME, 'node2')).outcome, 'succeeded');
    await assertAtRest(mesh(), NAME, 'node2', 2);
    assert.deepEqual([at('node1'), at('node2')], [[], ['8080 10.100.101.111']]);
    await node('node2').stopCnvm(NAME);
    assert.deepEqual(at('node2'), []);
    await node('node2').start(NAME);
    assert.deepEqual(at('node2'), ['8080 10.100.101.111']);
    await node('node2').stop();
    await node('node2').begin();
    assert.deepEqual(at('node2'), ['8080 10.100.101.111']);
    await node('node2').remove(NAME);
    assert.deepEqual(at('node2'), []);
  });

  it('that are taken keep a new one out, and one that comes', async () => {
    await node('node1').create('mine', { ports: [PORT] });
    await assert.rejects(node('node1').create('yours', { ports: [PORT] }), /8080\/tcp of node1 leads to mine/);
    node('node1').host.busyPorts.add('53/udp');
    const dns = { nodePort: 53, cnvmPort: 53, protocol: 'udp' };
    await assert.rejects(
      node('node1').create('dns', { ports: [dns] }),
      /a program of node1 listens on its port 53\/udp/,
    );
    await node('node2').create('theirs', { ports: [PORT] });
    const ended = await node('node2').teleport('theirs', 'node1');
    assert.equal(ended.outcome, 'refused');
    assert.match(ended.error, /8080\/tcp of node1 leads to mine/);
    await assertAtRest(mesh(), 'theirs', 'node2', 1);
  });
});
