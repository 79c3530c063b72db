/** The package, in a root of its own: what is in it, that it installs and goes without a trace, and that the playbooks parse. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD_MS = 10 * 60_000;
const TOOLS = join(ROOT, 'src/tools');
/** How a host program is called by its name; systemd is there where the unit is, and most kernels have WireGuard. */
const RUN_PROGRAM = /\b(?:run|spawnTool)\(\s*\['(?!systemd-notify|wireguard-go)([a-z][\w.-]*)'/g;
/** Called in other ways, by scripts, or by the role. */
const BY_TABLE = ['tar', 'gzip', 'zstd', 'xz', 'socat', 'nsenter', 'openssl'];

describe('the package', () => {
  let directory = '';
  let file = '';
  const script = async (name: string, ...argv: string[]) =>
    (await execa(join(ROOT, 'scripts', name), argv, { timeout: BUILD_MS, stdin: 'ignore' })).stdout;
  const inRoot = (root: string, at: string, ...argv: string[]) => script('lib/in-root', root, at, ...argv);

  before(async function () {
    this.timeout(2 * BUILD_MS);
    directory = mkdtempSync(join(tmpdir(), 'cnvm-package-'));
    file = (await script('package', join(directory, 'one'))).trim();
    writeFileSync(join(directory, 'one/cnvmd.yaml'), 'node: node1\noverlay: {address: 10.100.0.1}\n');
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('is the same when it is built again', async () => {
    const again = (await script('package', join(directory, 'two'))).trim();
    const sum = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    assert.equal(sum(again), sum(file));
  }).timeout(BUILD_MS);

  it('has what a node needs, owned by root, and says what it depends on', async () => {
    const { stdout: list } = await execa('dpkg-deb', ['--contents', file]);
    for (const path of [
      ...['usr/bin/cnvm', 'usr/bin/cnvmd', 'usr/bin/teleport', 'usr/lib/systemd/system/cnvmd.service'],
      ...['usr/lib/sysusers.d/cnvm.conf', 'usr/lib/tmpfiles.d/cnvm.conf', 'usr/lib/sysctl.d/60-cnvm.conf'],
      ...['usr/lib/modules-load.d/cnvm.conf', 'etc/profile.d/cnvm-first-login.sh', 'usr/lib/cnvm/dist/main.js'],
      ...['usr/share/bash-completion/completions/cnvm', 'usr/share/zsh/vendor-completions/_cnvm'],
      ...['usr/share/fish/vendor_completions.d/cnvm.fish', 'usr/share/man/man1/cnvm-create.1.gz'],
      ...['usr/share/man/man1/teleport.1.gz', 'usr/share/man/man8/cnvmd.8.gz', 'usr/share/doc/cnvm/copyright'],
    ])
      assert.match(list, new RegExp(` \\./${path.replaceAll('.', '\\.')}$`, 'm'));
    for (const line of list.split('\n')) assert.match(line, /^\S+ root\/root /);
    const { stdout: depends } = await execa('dpkg-deb', ['--field', file, 'Depends']);
    assert.match(depends, /nodejs \(>= 20\.19\), runc \(>= 1\.1\), criu \(>= 4\.1\)/);
  });

  it('installs beside what it depends on, works, and goes without a trace', async () => {
    const steps = `
      set -e
      dpkg --install /mnt/$(basename ${file}) >/dev/null
      getent group cnvm >/dev/null
      cnvmd --version
      cnvmd --check-config --config /mnt/cnvmd.yaml
      cnvm config check /mnt/cnvmd.yaml
      cnvm pki init --dir /etc/cnvm/pki >/dev/null
      teleport --help | head -n 1
      bash -c '. /usr/share/bash-completion/completions/cnvm; complete -p cnvm'
      dpkg --listfiles cnvm | wc -l
      apt-get purge -y cnvm >/dev/null
      find /usr /etc /var/lib/cnvm /run/cnvm /var/cache/cnvm -xdev -path '*cnvm*' ! -path '/var/lib/dpkg/*' ! -name '*group*' 2>/dev/null || true
      echo end`;
    const output = (await inRoot('node', join(directory, 'one'), 'bash', '-c', steps)).split('\n');
    assert.match(output[0] ?? '', /^cnvmd \d+\.\d+\.\d+$/);
    assert.equal(output[1], '/mnt/cnvmd.yaml is valid');
    assert.equal(output[2], '/mnt/cnvmd.yaml is valid');
    assert.match(output[3] ?? '', /^Usage: teleport/);
    assert.match(output[4] ?? '', /^complete .*_cnvm cnvm$/);
    assert.ok(Number(output[5]) > 40, output.join('\n'));
    assert.deepEqual(output.slice(6), ['end']);
  }).timeout(BUILD_MS);

  it('is installed by the role on a bare machine with all that a node runs, anew or not at all, and takes with it what it brought', async () => {
    const programs = readdirSync(TOOLS).flatMap((tool) =>
      [...readFileSync(join(TOOLS, tool), 'utf8').matchAll(RUN_PROGRAM)].map(([, name]) => name ?? ''),
    );
    assert.ok(
      ['criu', 'rsync', 'nft'].every((one) => programs.includes(one)),
      programs.join(' '),
    );
    const steps = `
      set -e
      install() { sh /mnt/install.sh "$1" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }; }
      install /mnt/$(basename ${file})
      for program in cnvmd ${[...new Set([...programs, ...BY_TABLE])].join(' ')}; do
        command -v $program >/dev/null || echo "there is no $program"
      done
      [ -s /etc/ssl/certs/ca-certificates.crt ] || echo "no registry would be trusted"
      dpkg-deb --raw-extract /mnt/$(basename ${file}) /tmp/again
      echo '// built anew' >>/tmp/again/usr/lib/cnvm/dist/main.js
      dpkg-deb --build /tmp/again /tmp/again.deb >/dev/null
      install /tmp/again.deb
      tail -n 1 /usr/lib/cnvm/dist/main.js
      sed -i 's/^Depends: /Depends: nobody-has-this, /' /tmp/again/DEBIAN/control
      echo '// needs too much' >>/tmp/again/usr/lib/cnvm/dist/main.js
      dpkg-deb --build /tmp/again /tmp/again.deb >/dev/null
      ! sh /mnt/install.sh /tmp/again.deb >/dev/null 2>&1
      tail -n 1 /usr/lib/cnvm/dist/main.js
      cnvmd --version
      apt-get purge -y --auto-remove cnvm >/dev/null
      ! dpkg-query -W criu runc rsync nftables skopeo umoci 2>/dev/null | grep .
      echo end`;
    copyFileSync(join(ROOT, 'ansible/roles/cnvm/files/install.sh'), join(directory, 'one/install.sh'));
    const output = (await inRoot('bare', join(directory, 'one'), 'bash', '-c', steps)).split('\n');
    assert.match(output.splice(2, 1)[0] ?? '', /^cnvmd \d/);
    assert.deepEqual(output, ['// built anew', '// built anew', 'end']);
  }).timeout(2 * BUILD_MS);

  it('is deployed by playbooks that parse, and that the linter finds nothing in', async () => {
    const ansible = join(directory, 'ansible');
    mkdirSync(ansible);
    await execa('cp', ['-r', join(ROOT, 'ansible'), directory]);
    const steps =
      'cd /mnt; for book in site.yml uninstall.yml; do ansible-playbook -i inventory.example.yml --syntax-check $book; done';
    const output = await inRoot('deployer', ansible, 'bash', '-ec', steps);
    assert.match(output, /playbook: site\.yml[\s\S]*playbook: uninstall\.yml/);
    await inRoot('linter', ansible, 'bash', '-ec', 'cd /mnt; ansible-lint --offline --strict --profile production');
  }).timeout(BUILD_MS);
});
