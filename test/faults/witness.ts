/**
 * A process in the cnvm that counts, on its disk and to an observer. Each number is told with a random word of that
 * moment, so that two copies which count the same numbers differ. Invariant: what the observer has heard is what the disk
 * says, or a second copy has run.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, lab, NAME, ssh } from '../host/support.js';

const PORT = 7100;
const DIARY = '/var/tmp/diary';

/** Datagrams, not a connection: the kernel would take what a second copy sends on it for a repetition, and drop it. */
const COUNTER = `
import os, socket, time
told = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
diary = open("${DIARY}", "w", buffering=1)
number = 0
while True:
    number += 1
    line = "%d %s\\n" % (number, os.urandom(8).hex())
    diary.write(line)
    try:
        told.sendto(line.encode(), ("OBSERVER", ${PORT}))
    except OSError:
        pass
    time.sleep(0.02)
`;

export type Witness = Awaited<ReturnType<typeof openWitness>>;

/** Begins to count in the cnvm, and to listen in the node `observer`. */
export async function openWitness(observer: string) {
  const facts = await lab.must(observer, [
    'sh',
    '-c',
    "ip -4 -o addr show | grep -o '10\\.100\\.0\\.[0-9]*' | head -n 1",
  ]);
  // Of a node a cnvm reaches nothing but names.
  await lab.must(observer, ['nft', 'insert', 'rule', 'inet', 'cnvm', 'asking', 'udp', 'dport', `${PORT}`, 'accept']);
  const heard: { number: number; word: string }[] = [];
  const child = lab.start(observer, ['sh', '-c', `echo pid $$; exec socat -u UDP4-RECV:${PORT} STDOUT`]);
  let pid = '';
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [number, word = ''] = line.split(' ');
      if (number === 'pid') pid = word;
      else heard.push({ number: Number(number), word });
    }
  });
  const program = COUNTER.replace('OBSERVER', facts.trim()).replaceAll("'", `'"'"'`);
  await ssh(observer, `setsid nohup python3 -c '${program}' >/dev/null 2>&1 </dev/null &`);
  const last = () => heard.at(-1)?.number ?? 0;

  /** @throws unless it goes on counting. */
  async function goesOn(): Promise<void> {
    const goal = last() + 5;
    await eventually(`the counter to pass ${goal}`, async () => last() >= goal, 10_000, 20);
  }

  await goesOn();
  return {
    goesOn,
    /** What the diary on `node` and the observer do not agree on, one a line; empty when one copy has counted. */
    async complaints(node: string): Promise<string[]> {
      const until = heard.length;
      const upper = join(lab.rootOf(node), 'home/cnvm/sneakers', NAME, 'upper');
      const lines = readFileSync(join(upper, DIARY), 'utf8').split('\n');
      // The last one may be half written.
      const diary = lines.slice(0, -1);
      const wrong = diary.flatMap((line, index) =>
        Number(line.split(' ')[0]) === index + 1 ? [] : [`line ${index + 1} of the diary is "${line}"`],
      );
      for (const { number, word } of heard.slice(0, until)) {
        const written = diary[number - 1]?.split(' ')[1];
        if (written !== word) wrong.push(`${number} was told as ${word}, and written as ${written ?? 'nothing'}`);
      }
      return wrong.slice(0, 5);
    },
    async close(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      await lab.run(observer, ['sh', '-c', `kill ${pid}`]);
      await exited;
    },
  };
}
