import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ADDRESS, eventually, lab, NAME, waitForSsh, whereIs } from './support.js';

const BUF = '/opt/cnvm/node_modules/.bin/buf';
const SOCKET = ['--protocol', 'grpc', '--http2-prior-knowledge', '--unix-socket', '/run/cnvm/cnvmd.sock'];
const TLS = ['--protocol', 'grpc', '--cacert', '/etc/cnvm/pki/ca.crt'];
const AS_OPERATOR = [...TLS, '--cert', '/etc/cnvm/pki/operator.crt', '--key', '/etc/cnvm/pki/operator.key'];
const AS_NODE = [...TLS, '--cert', '/etc/cnvm/pki/node.crt', '--key', '/etc/cnvm/pki/node.key'];

const curl = (node: string, ...args: string[]) => lab.run(node, ['env', 'HOME=/tmp', BUF, 'curl', ...args]);

describe('an independent gRPC client, with nothing but reflection,', () => {
  it('lists the services and describes a method, over the socket and over mutual TLS', async () => {
    const local = await curl('node1', ...SOCKET, '--list-services', 'http://localhost');
    assert.equal(local.code, 0, local.stderr);
    for (const service of ['cnvm.v1.CnvmService', 'cnvm.v1.MigrationService', 'cnvm.v1.NodeService'])
      assert.ok(local.stdout.includes(service));
    const remote = await curl('node1', ...AS_OPERATOR, '--list-methods', 'https://node2:7443');
    assert.equal(remote.code, 0, remote.stderr);
    assert.match(remote.stdout, /cnvm.v1.MigrationService\/Migrate/);
    assert.match(remote.stdout, /cnvm.peer.v1.HandOverService\/Offer/);
  });

  it('creates, lists and teleports a cnvm', async () => {
    const call = (method: string, data: object) =>
      curl('node1', ...SOCKET, '-d', JSON.stringify(data), `http://localhost/cnvm.v1.${method}`);
    const created = await call('CnvmService/CreateCnvm', { name: NAME });
    assert.equal(created.code, 0, created.stderr);
    assert.equal((JSON.parse(created.stdout) as { cnvm: { address: string } }).cnvm.address, ADDRESS);
    await waitForSsh('node2');
    assert.match((await call('CnvmService/ListCnvms', {})).stdout, /CNVM_STATE_RUNNING/);
    const moved = await call('MigrationService/Migrate', { name: NAME, target: 'node2' });
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stdout, /MIGRATION_OUTCOME_SUCCEEDED/);
    assert.equal(await whereIs(), 'node2');
  });

  it('sees the standard health service', async () => {
    const health = await curl(
      'node1',
      ...AS_OPERATOR,
      '-d',
      '{}',
      '--schema',
      '/opt/cnvm/node_modules/grpc-health-check/proto',
      'https://node2:7443/grpc.health.v1.Health/Check',
    );
    assert.match(health.stdout, /SERVING/, health.stderr);
  });
});

describe('grpcurl', () => {
  const found = spawnSync('sh', ['-c', 'command -v grpcurl'], { encoding: 'utf8' }).stdout.trim();
  const grpcurl = (...args: string[]) => lab.run('node1', ['/tmp/grpcurl', ...args]);
  const local = ['-plaintext', 'unix:///run/cnvm/cnvmd.sock'];
  const remote = [
    ...['-cacert', '/etc/cnvm/pki/ca.crt', '-cert', '/etc/cnvm/pki/operator.crt', '-key', '/etc/cnvm/pki/operator.key'],
    'node2:7443',
  ];

  before(async function () {
    // It is only there where somebody, or scripts/test with a Go toolchain, has put it.
    if (found === '') this.skip();
    await lab.must('node1', ['sh', '-c', 'cat > /tmp/grpcurl && chmod 755 /tmp/grpcurl'], readFileSync(found));
  });

  it('lists, describes, creates and teleports', async () => {
    const listed = await grpcurl(...local, 'list');
    assert.match(listed.stdout, /^cnvm.v1.MigrationService$/m, listed.stderr);
    const described = await grpcurl(...remote, 'describe', 'cnvm.v1.MigrationService.Migrate');
    assert.match(described.stdout, /rpc Migrate \( .cnvm.v1.MigrateRequest \) returns \( stream/, described.stderr);
    const created = await grpcurl('-d', JSON.stringify({ name: NAME }), ...local, 'cnvm.v1.CnvmService/CreateCnvm');
    assert.equal(created.code, 0, created.stderr);
    await waitForSsh('node2');
    const order = JSON.stringify({ name: NAME, target: 'node2' });
    const moved = await grpcurl('-d', order, ...local, 'cnvm.v1.MigrationService/Migrate');
    assert.match(moved.stdout, /MIGRATION_OUTCOME_SUCCEEDED/, moved.stderr);
    const health = await grpcurl(...remote, 'grpc.health.v1.Health/Check');
    assert.match(health.stdout, /SERVING/, health.stderr);
  });
});

describe('who may call what', () => {
  it('an operator does not speak for nodes', async () => {
    const { code, stderr } = await curl(
      'node1',
      ...AS_OPERATOR,
      '-d',
      '{}',
      'https://node2:7443/cnvm.peer.v1.MeshService/Announce',
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /permission_denied|PermissionDenied/i);
    assert.match(stderr, /lab \(operator\) may not call/);
  });

  it('a node does not speak for operators', async () => {
    const { code, stderr } = await curl(
      'node1',
      ...AS_NODE,
      '-d',
      '{}',
      'https://node2:7443/cnvm.v1.CnvmService/ListCnvms',
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /node1 \(node\) may not call/);
  });

  it('without a certificate, or with one of another mesh, nobody gets in', async () => {
    const none = await curl('node1', ...TLS, '-d', '{}', 'https://node2:7443/cnvm.v1.NodeService/GetNode');
    assert.notEqual(none.code, 0);
    await lab.must('node1', ['cnvm', 'pki', 'init', '--dir', '/tmp/other']);
    await lab.must('node1', ['cnvm', 'pki', 'issue', 'operator', 'eve', '--dir', '/tmp/other']);
    const eve = [...TLS, '--cert', '/tmp/other/operators/eve.crt', '--key', '/tmp/other/operators/eve.key'];
    const other = await curl('node1', ...eve, '-d', '{}', 'https://node2:7443/cnvm.v1.NodeService/GetNode');
    assert.notEqual(other.code, 0);
    assert.doesNotMatch(other.stdout, /facts/);
  });

  it('a peer with a certificate of another mesh is no peer', async () => {
    await lab.must('node2', ['cp', '-a', '/etc/cnvm/pki', '/tmp/pki-kept']);
    try {
      await lab.must('node2', [
        'sh',
        '-ec',
        'cnvm pki init --dir /tmp/evil; cnvm pki issue node node2 --dir /tmp/evil; cp /tmp/evil/ca.crt /etc/cnvm/pki/; cp /tmp/evil/nodes/node2.crt /etc/cnvm/pki/node.crt; cp /tmp/evil/nodes/node2.key /etc/cnvm/pki/node.key',
      ]);
      await lab.must('node2', ['sv', '-w', '20', 'restart', 'cnvmd']);
      await eventually('node1 to see it down', async () =>
        /node2 +down/.test((await lab.run('node1', ['cnvm', 'nodes'])).stdout),
      );
    } finally {
      await lab.must('node2', ['sh', '-ec', 'cp /tmp/pki-kept/* /etc/cnvm/pki/; rm -rf /tmp/evil /tmp/pki-kept']);
      await lab.must('node2', ['sv', '-w', '20', 'restart', 'cnvmd']);
    }
    await eventually('node1 to see it up', async () =>
      /node2 +up/.test((await lab.run('node1', ['cnvm', 'nodes'])).stdout),
    );
  });

  it('the socket is for root and the group, and for nobody else', async () => {
    assert.equal(await lab.must('node1', ['stat', '-c', '%a %U:%G', '/run/cnvm/cnvmd.sock']), '660 root:cnvm');
    const nobody = await lab.run('node1', ['setpriv', '--reuid', 'nobody', '--clear-groups', 'cnvm', 'ls']);
    assert.equal(nobody.code, 4, nobody.stderr);
  });

  it('a second daemon does not take the socket of the first, and a bad config is named', async () => {
    const second = await lab.run('node1', ['cnvmd']);
    assert.deepEqual([second.code, /another cnvmd serves/.test(second.stderr)], [1, true], second.stderr);
    assert.equal((await lab.run('node1', ['cnvmd', '--check-config'])).code, 0);
    await lab.must('node1', ['sh', '-c', 'echo "lissten: x" > /tmp/bad.yaml']);
    const bad = await lab.run('node1', ['cnvmd', '--check-config', '--config', '/tmp/bad.yaml']);
    assert.deepEqual([bad.code, /unknown key lissten/.test(bad.stderr)], [2, true]);
  });
});
