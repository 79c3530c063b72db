/**
 * A process in a cnvm that holds memory and writes to some of it at a steady rate, and says of all of it whether it is right.
 * Invariant: a page that is not as it was written is told, whichever of them it is and wherever it happened.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from './lab.js';

/**
 * `held` is random and never written to again; it is checked by its sum. Of `hot` a few pages are written at each step, in
 * turn, each with the step's number: after step N each page must hold the last number that was its turn.
 */
const HOLDER = `import hashlib, os, sys, time
PAGE = 4096
STEP_S = 0.1
held = bytearray()
for _ in range(int(sys.argv[1])):
    held += os.urandom(1 << 20)
share = max(1, int(float(sys.argv[2]) * 256 * STEP_S))
turns = int(sys.argv[3]) * 256 // share
hot = bytearray(turns * share * PAGE)
first = hashlib.sha256(held).hexdigest()
def say(name, text):
    with open('/srv/' + name + '.new', 'w') as f:
        f.write(text)
    os.rename('/srv/' + name + '.new', '/srv/' + name)
def wrong(step):
    if hashlib.sha256(held).hexdigest() != first:
        return 'held'
    for turn in range(turns):
        last = step - (step - turn) % turns
        for page in range(turn * share, (turn + 1) * share):
            if int.from_bytes(hot[page * PAGE:page * PAGE + 8], 'little') != max(0, last):
                return 'hot page %d' % page
    return ''
step = 0
asked = ''
while True:
    step += 1
    turn = step % turns
    for page in range(turn * share, (turn + 1) * share):
        hot[page * PAGE:page * PAGE + 8] = step.to_bytes(8, 'little')
    if os.path.exists('/srv/ask'):
        with open('/srv/ask') as f:
            question = f.read()
        if question != asked:
            asked = question
            say('answer', '%s %d %d %s' % (asked, os.getpid(), step, wrong(step) or 'right'))
    time.sleep(STEP_S)
`;

export interface Held {
  readonly heldMib: number;
  /** What it writes to in a second; of a slower machine it writes less. */
  readonly writtenMibPerSecond: number;
  /** What it writes to in turn. */
  readonly hotMib: number;
}

export interface Answer {
  readonly pid: number;
  /** Grows by one ten times a second. */
  readonly step: number;
  /** "right", or what is not. */
  readonly verdict: string;
}

const ASK_EVERY_MS = 500;
const ANSWER_MS = 60_000;

const inside = (lab: Lab, node: string, name: string, script: string, input = ''): Promise<string> =>
  lab.must(node, ['cnvm', 'exec', name, '--', 'sh', '-c', script], input);

/** Afterwards it runs in the cnvm, holds all of it, and has answered. @throws when it does not. */
export async function startHolder(lab: Lab, node: string, name: string, held: Held): Promise<Answer> {
  const { heldMib, writtenMibPerSecond, hotMib } = held;
  await inside(lab, node, name, 'cat > /srv/holder.py', HOLDER);
  const words = `${heldMib} ${writtenMibPerSecond} ${hotMib}`;
  await inside(lab, node, name, `setsid python3 /srv/holder.py ${words} >/srv/holder.log 2>&1 </dev/null & true`);
  return await askHolder(lab, node, name);
}

/** Has it look at all of its memory, now. @throws when it does not answer. */
export async function askHolder(lab: Lab, node: string, name: string): Promise<Answer> {
  const question = `${Date.now()}`;
  await inside(lab, node, name, `echo -n ${question} > /srv/ask.new && mv /srv/ask.new /srv/ask`);
  const deadline = Date.now() + ANSWER_MS * lab.slowness;
  for (;;) {
    const answer = await inside(lab, node, name, 'cat /srv/answer 2>/dev/null || true');
    const [asked, pid, step, ...verdict] = answer.split(' ');
    if (asked === question) return { pid: Number(pid), step: Number(step), verdict: verdict.join(' ') };
    if (Date.now() > deadline) {
      const log = await inside(lab, node, name, 'cat /srv/holder.log');
      throw new Error(`what holds the memory does not answer: ${answer} ${log}`);
    }
    await sleep(ASK_EVERY_MS);
  }
}

/** Afterwards its memory is free. */
export async function endHolder(lab: Lab, node: string, name: string): Promise<void> {
  // The shell that says so has its own words in its arguments, and is not to be meant.
  await inside(lab, node, name, 'pkill -KILL -f "[h]older.py"; rm -f /srv/ask /srv/answer');
}
