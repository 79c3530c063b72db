/** `cnvm exec`: joins this terminal, or these pipes, to a command in a cnvm. */
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { ExecCnvmRequest, ExecCnvmResponse, ExecStart } from '../gen/cnvm/v1/cnvm.js';
import { type Connection, toError } from './connect.js';
import { EXIT } from './exit-codes.js';

/** @returns the command's own exit code. @throws the daemon's error when it could not be run. */
export async function execCommand(connection: Connection, start: ExecStart): Promise<number> {
  const call = connection.cnvms.execCnvm();
  call.write({ input: { $case: 'start', value: start } });
  const letGo = start.tty ? takeTerminal(call) : () => undefined;
  process.stdin.on('data', (chunk: Buffer) => {
    if (!call.write({ input: { $case: 'stdin', value: chunk } })) process.stdin.pause();
  });
  call.on('drain', () => process.stdin.resume());
  process.stdin.on('end', () => call.write({ input: { $case: 'stdinEnd', value: true } }));
  try {
    return await copyOutput(call);
  } catch (error) {
    throw toError(error as ServiceError, connection);
  } finally {
    letGo();
    process.stdin.destroy();
    call.cancel();
  }
}

async function copyOutput(call: ClientDuplexStream<ExecCnvmRequest, ExecCnvmResponse>): Promise<number> {
  for await (const message of call) {
    const { output } = message as ExecCnvmResponse;
    if (output?.$case === 'stdout') process.stdout.write(output.value);
    if (output?.$case === 'stderr') process.stderr.write(output.value);
    if (output?.$case === 'exitCode') return output.value;
  }
  return EXIT.failed;
}

/** Every key goes to the command, and the size follows the window. @returns what gives the terminal back. */
function takeTerminal(call: ClientDuplexStream<ExecCnvmRequest, ExecCnvmResponse>): () => void {
  const resize = () => {
    const { rows, columns } = process.stdout;
    if (process.stdout.isTTY) call.write({ input: { $case: 'resize', value: { rows, columns } } });
  };
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdout.on('resize', resize);
  return () => {
    process.stdout.off('resize', resize);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
  };
}
