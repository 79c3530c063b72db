/** Certificates between real machines: a token that no process shows, and modes, logs and restarts as they really are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { renewFor } from '../../src/pki/pki-dir.js';
import { eventually, lab } from './support.js';

const sh = (node: string, script: string) => lab.must(node, ['sh', '-euc', script]);
/** On node1, a mesh of its own: the lab's CA is with whoever made the lab. */
const CA = '/tmp/own-ca';
const THERE = '/tmp/joined';
/** Where the lab keeps its own. */
const LAB_CA = `/var/lib/cnvm-lab/${process.env['CNVM_LAB'] ?? 'test'}/pki`;

describe('identity on real machines', () => {
  after(async () => {
    for (const node of ['node1', 'node2']) await lab.must(node, ['rm', '-rf', CA, THERE, '/tmp/token', '/tmp/secret']);
  });

  it('a machine joins by a token that no process shows, and its key is its own', async () => {
    await sh(
      'node1',
      `cnvm pki init --dir ${CA}; cnvm pki token --dir ${CA} --node new --address node1:7444 >/tmp/token`,
    );
    const token = await lab.must('node1', ['cat', '/tmp/token']);
    const secret = token.split('.')[2] ?? '';
    assert.equal(secret.length, 64);
    // All that is said there is that it serves; it ends by itself.
    await sh(
      'node1',
      `setsid cnvm pki serve --dir ${CA} >/tmp/serve.log 2>&1 & until grep -q 'can join' /tmp/serve.log; do sleep 0.2; done`,
    );
    await lab.run('node2', ['sh', '-c', 'umask 077; cat >/tmp/token; cut -d. -f3 /tmp/token >/tmp/secret'], token);
    const seen = await sh(
      'node2',
      `umask 022; cnvm pki join --node new --dir ${THERE} /tmp/token >/tmp/join.log 2>&1 & joining=$!
       while kill -0 $joining 2>/dev/null; do grep -laFf /tmp/secret /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || :; done
       wait $joining || cat /tmp/join.log; rm -f /tmp/join.log`,
    );
    assert.equal(seen, '');
    assert.equal(
      await sh('node2', `stat -c '%a %n' ${THERE} ${THERE}/*`),
      [
        `700 ${THERE}`,
        ...[
          ['644', 'ca.crt'],
          ['644', 'node.crt'],
          ['600', 'node.key'],
        ].map(([mode, name]) => `${mode} ${THERE}/${name}`),
      ].join('\n'),
    );
    const left = await sh(
      'node1',
      `find ${CA} -type f ! -name '*.crt' -printf '%m %P\\n'; grep -rlF ${secret} ${CA} /tmp/serve.log || :`,
    );
    assert.equal(left, '600 ca.key');
  });

  it("a daemon takes its node's new certificate without a restart, and none that does not fit; no key is in its log", async () => {
    const serial = async () =>
      (JSON.parse(await lab.must('node2', ['cnvm', 'pki', 'show', '--json'])) as { serial: string }).serial;
    const started = () => sh('node2', 'sv status cnvmd | grep -o "pid [0-9]*"');
    const [before, pid] = [await serial(), await started()];
    // What does not fit is not taken.
    await sh('node2', 'cp -a /etc/cnvm/pki /tmp/pki-kept; cp /etc/cnvm/pki/operator.crt /etc/cnvm/pki/node.crt');
    await eventually('a word in the log', async () =>
      /the old one goes on/.test((await lab.run('node2', ['cat', '/var/log/cnvmd.log'])).stdout),
    );
    assert.equal(await serial(), before);
    await sh('node2', 'cp /tmp/pki-kept/node.crt /etc/cnvm/pki/; rm -rf /tmp/pki-kept');
    assert.equal(await serial(), before);
    const files = await renewFor(LAB_CA, 'node', 'node2');
    for (const file of files) {
      const to = file.endsWith('.key') ? 'node.key' : 'node.crt';
      const script = `umask 077; cat >/tmp/new; mv /tmp/new /etc/cnvm/pki/${to}`;
      await lab.run('node2', ['sh', '-euc', script], readFileSync(file));
    }
    await eventually('the new certificate', async () => (await serial()) !== before);
    assert.equal(await started(), pid);
    const log = await lab.must('node2', ['cat', '/var/log/cnvmd.log']);
    assert.doesNotMatch(log, /PRIVATE KEY/);
    await eventually('node1 to see it up', async () =>
      /node2 +up/.test((await lab.run('node1', ['cnvm', 'nodes'])).stdout),
    );
  });
});
