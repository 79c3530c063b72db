import assert from 'node:assert/strict';
import { openShell } from '../../scripts/lib/shell-session.js';
import { eventually, lab } from '../host/support.js';
import { assertRides, clientRuns, createBoth, install, serve, serverRuns, thereAndBack } from './harness.js';

/** cron looks once a minute. */
const NEXT_MINUTE_MS = 90_000;
/** What is drawn comes over ssh, and after a move when the client tries again. */
const ATTACHED_MS = 20_000;
/** A node that the server is never on. */
const OUTSIDE = 'node3';

/** A terminal that is attached to the session over ssh, for as long as it is open. */
function attach(address: string) {
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  const ssh = ['ssh', '-tt', ...options.flatMap((option) => ['-o', option]), `user@${address}`];
  const child = lab.start(OUTSIDE, ['sshpass', '-p', 'password', ...ssh, 'TERM=xterm tmux attach -t work']);
  let seen = 0;
  let ended = false;
  child.stdout.on('data', (chunk: Buffer) => {
    for (const [, number] of chunk.toString().matchAll(/line (\d+)/g)) seen = Math.max(seen, Number(number));
  });
  child.on('close', () => {
    ended = true;
  });
  return {
    /** The last line that was drawn. */
    seen: () => seen,
    hasEnded: () => ended,
    close: () => child.stdin.end('\u0002d'),
  };
}

describe('terminals', () => {
  it('git over ssh: clones and pushes, all over one connection', async () => {
    const address = await createBoth();
    const key = await clientRuns(`mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
      cat /root/.ssh/id_ed25519.pub`);
    await serverRuns(
      `exec 2>&1; su user -c 'set -e; mkdir -p -m 700 ~/.ssh; cat > ~/.ssh/authorized_keys
       git init --quiet --bare ~/repository; git init --quiet -b main /tmp/work; cd /tmp/work; head -c 10000000 /dev/urandom > big
       git config user.email a@example.org; git config user.name a; git add .; git commit --quiet -m first
       git push --quiet ~/repository main; git -C ~/repository symbolic-ref HEAD refs/heads/main; rm -rf /tmp/work'`,
      undefined,
      key,
    );
    await clientRuns(`ssh -o StrictHostKeyChecking=no -o LogLevel=ERROR -o ServerAliveInterval=15 -o ControlMaster=yes \\
      -o ControlPath=/root/.ssh/kept -f -N user@${address} >/dev/null 2>&1 </dev/null`);
    const [{ ops }] = await assertRides(address, ['git-clients.py']);
    const pushed = await serverRuns(
      `su user -c 'cd ~/repository; git fsck --full >/dev/null && git rev-list --count main..turns'`,
    );
    assert.equal(Number(pushed), ops['pusher']);
  });

  it('tmux with programs in it, and a terminal that is attached to it over ssh', async () => {
    const address = await createBoth();
    const count = 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2; done';
    await serverRuns(
      `cat > /srv/count; su user -c "tmux new-session -d -s work -x 80 -y 24 'sh /srv/count'
       tmux new-window -d -t work top; tmux new-window -d -t work 'nano /tmp/draft'"`,
      undefined,
      count,
    );
    const shell = await openShell(lab, OUTSIDE, address);
    const attached = attach(address);
    const panes = async (node: string, window: number) =>
      await serverRuns(`su user -c 'tmux capture-pane -p -t work:${window}'`, node);
    const last = async (node: string) => Number((await panes(node, 0)).trim().split('line ').at(-1));
    await serverRuns(`su user -c 'tmux send-keys -t work:2 words-that-stay'`);
    let before = 0;
    await thereAndBack(async (node) => {
      await eventually('it to count on', async () => (await last(node)) > before);
      before = await last(node);
      const words = `what is attached to show line ${before}`;
      await eventually(words, async () => attached.seen() >= before && !attached.hasEnded(), ATTACHED_MS);
      assert.match(await panes(node, 1), /load average/);
      assert.match(await panes(node, 2), /words-that-stay/);
      assert.match(await shell.type('tmux list-windows -t work | wc -l'), /^3$/);
    });
    attached.close();
    await shell.close();
  });

  it('cron and syslog: no line is lost, and the next minute has its job', async () => {
    await createBoth();
    await install('logging.sh');
    const ticks = async () => Number(await serverRuns('grep -c "ticking: tick" /var/log/syslog || true'));
    await serverRuns(`printf '* * * * * logger -t ticking tick\\n' | crontab -u user -`);
    await serve('logging', 'sh /srv/logging.sh', 'grep counting: /var/log/syslog');
    await thereAndBack();
    const before = await ticks();
    await eventually('another tick', async () => (await ticks()) > before, NEXT_MINUTE_MS, 1_000);
    await serverRuns('pkill -f "[l]ogging.sh"');
    const counted = await serverRuns("cat $(ls -r /var/log/syslog*) | sed -n 's/.*counting: //p'");
    const numbers = counted.trim().split('\n').map(Number);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
  });
});
