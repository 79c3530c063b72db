/** Numbered datagrams from one cnvm to another, each answered: which of them arrived, and which answers came back. */
import type { Lab } from '../../scripts/lib/lab.js';
import { ssh } from './support.js';

export const EVERY_MS = 5;
const PORT = 9999;

/** Answers each number, and keeps it. */
const RECEIVER = `
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", ${PORT}))
got = open("/tmp/got", "w", buffering=1)
while True:
    data, sender = server.recvfrom(65536)
    got.write(data[:8].decode() + "\\n")
    server.sendto(data[:8], sender)
`;

/** Sends for so many seconds datagrams of so many bytes that nobody may cut, and prints the numbers that were answered. */
const SENDER = `
import errno, select, socket, sys, time
address, seconds, size = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.IPPROTO_IP, 10, 2)
client.connect((address, ${PORT}))
client.setblocking(False)
begin = time.monotonic()
number, answered, refused = 0, [], 0
while True:
    now = time.monotonic() - begin
    if now > seconds: break
    due = number * ${EVERY_MS / 1000}
    if now >= due:
        try:
            client.send(b"%08d" % number + b"x" * (size - 8))
        except OSError:
            refused += 1
        number += 1
    select.select([client], [], [], max(0, min(due - now, ${EVERY_MS / 1000})))
    try:
        while True: answered.append(int(client.recv(64)))
    except BlockingIOError: pass
    except OSError: pass
print(number, refused, *answered)
`;

export interface Datagrams {
  readonly sent: number;
  /** The sender's own kernel did not take them. */
  readonly refused: number;
  readonly arrived: readonly number[];
  readonly answered: readonly number[];
}

/** The receiver belongs to the cnvm's own init, as a service would. */
export async function startReceiver(node: string, address: string): Promise<void> {
  const quoted = RECEIVER.replaceAll("'", `'"'"'`);
  await ssh(node, `setsid nohup python3 -c '${quoted}' >/dev/null 2>&1 </dev/null & sleep 0.5`, '', address);
}

/** @returns what became of them, once it is called and all are sent. */
export function sendDatagrams(
  lab: Lab,
  from: { readonly node: string; readonly name: string },
  to: { readonly address: string; readonly seconds: number; readonly bytes: number },
): (receiver: { readonly node: string; readonly name: string }) => Promise<Datagrams> {
  const argv = ['python3', '-c', SENDER, to.address, String(to.seconds), String(to.bytes)];
  const sent = lab.must(from.node, ['cnvm', 'exec', from.name, '--', ...argv]);
  sent.catch(() => undefined);
  return async ({ node, name }) => {
    const [count = 0, refused = 0, ...answered] = (await sent).trim().split(/\s+/).map(Number);
    const got = await lab.must(node, ['cnvm', 'exec', name, '--', 'cat', '/tmp/got']);
    return { sent: count, refused, answered, arrived: got.trim().split('\n').map(Number) };
  };
}

/** The runs of numbers that are not there, from the first to the last that is: how long each was, in ms of the sender. */
export function gapsMs(numbers: readonly number[]): number[] {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted.flatMap((number, index) => {
    const missing = number - (sorted[index - 1] ?? number - 1) - 1;
    return missing > 0 ? [missing * EVERY_MS] : [];
  });
}
