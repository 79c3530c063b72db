import assert from 'node:assert/strict';
import { openShell } from '../../scripts/lib/shell-session.js';
import { eventually, lab } from '../host/support.js';
import { assertRides, clientRuns, createBoth, serverRuns, thereAndBack } from './harness.js';

/** cron looks once a minute. */
const NEXT_MINUTE_MS = 70_000;

describe('terminals', () => {
  it('git over ssh: clones and pushes, all the time', async () => {
    const address = await createBoth();
    const key = await clientRuns(`mkdir -p /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
      printf 'Host *\\n StrictHostKeyChecking no\\n LogLevel ERROR\\n ServerAliveInterval 15\\n' > /root/.ssh/config; cat /root/.ssh/id_ed25519.pub`);
    await serverRuns(
      `su user -c 'mkdir -p -m 700 ~/.ssh; cat > ~/.ssh/authorized_keys
       git init --quiet --bare ~/repository; git init --quiet -b main /tmp/work; cd /tmp/work; head -c 30000000 /dev/urandom > big
       git config user.email a@example.org; git config user.name a; git add .; git commit --quiet -m first
       git push --quiet ~/repository main; git -C ~/repository symbolic-ref HEAD refs/heads/main; rm -rf /tmp/work'`,
      'node1',
      key,
    );
    const { ops } = await assertRides('git-clients.py', address);
    const pushed = await serverRuns(
      `su user -c 'cd ~/repository; git fsck --full >/dev/null; git rev-list --count main..turns'`,
    );
    assert.equal(Number(pushed), ops['pusher']);
  });

  it('tmux with programs in it, attached over ssh', async () => {
    const address = await createBoth();
    const count = 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2; done';
    await serverRuns(
      `su user -c "tmux new-session -d -s work -x 80 -y 24 '${count}'; tmux new-window -d -t work top; tmux new-window -d -t work 'nano /tmp/draft'"`,
    );
    const shell = await openShell(lab, 'node3', address);
    const panes = async (node: string, window: number) =>
      await serverRuns(`su user -c 'tmux capture-pane -p -t work:${window}'`, node);
    const last = async (node: string) => Number((await panes(node, 0)).trim().split('line ').at(-1));
    await serverRuns(`su user -c 'tmux send-keys -t work:2 words-that-stay'`);
    let before = 0;
    await thereAndBack(async (node) => {
      await eventually('it to count on', async () => (await last(node)) > before);
      before = await last(node);
      assert.match(await panes(node, 1), /load average/);
      assert.match(await panes(node, 2), /words-that-stay/);
      assert.match(await shell.type('tmux list-windows -t work | wc -l'), /^3$/);
    });
    await shell.close();
  });

  it('cron and syslog', async () => {
    await createBoth();
    await serverRuns(`printf '* * * * * date +%%s >> /tmp/ticks; logger -t ticking tick\\n' | crontab -u user -`);
    const ticks = async () => Number(await serverRuns('cat /tmp/ticks 2>/dev/null | wc -l'));
    await eventually('a first tick', async () => (await ticks()) > 0, NEXT_MINUTE_MS);
    await thereAndBack(async (node) => {
      await serverRuns(`logger -t moved "to ${node}"`, node);
    });
    const before = await ticks();
    await eventually('another tick', async () => (await ticks()) > before, NEXT_MINUTE_MS);
    const log = await serverRuns('cat /var/log/syslog');
    assert.match(log, /moved: to node2[\s\S]*moved: to node1/);
    assert.ok((log.match(/ticking: tick/g) ?? []).length >= 2);
  });
});
