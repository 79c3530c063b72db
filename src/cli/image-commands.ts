/** `cnvm image`: what cnvms are made from. */
import type { Command } from 'commander';
import type {
  DistributeImageResponse,
  GetImageResponse,
  ListImagesResponse,
  PruneImagesResponse,
  PullImageRequest,
  RemoveImageResponse,
  StoredImage,
} from '../gen/cnvm/v1/image.js';
import { collect } from './arguments.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { call, messages } from './connect.js';
import { EXIT } from './exit-codes.js';
import { createBars } from './image-bars.js';
import { importInto } from './import-into.js';
import { bytesText, jsonText, table } from './text.js';

interface BringOptions extends CommonOptions {
  readonly name?: string;
  readonly insecure?: boolean;
  readonly entrypoint?: string[];
  readonly system?: boolean;
  readonly into?: string;
}

export function addImageCommands(program: Command): void {
  const image = program.command('image').description('bring in, list, give on and remove what cnvms are made from');
  const add = (usage: string, description: string) => withCommonOptions(image.command(usage)).description(description);
  add('pull <source>', 'bring an image in: docker://HOST/NAME[:TAG], oci:/DIR[:TAG] or docker-archive:/FILE[:NAME]')
    .option('--name <name>', 'what it is to be called here (default: by its source)')
    .option('--insecure', 'over plain HTTP, or with a certificate that nobody vouches for')
    .action((source: string, options: BringOptions) => bring(source, options.name ?? '', options));
  add('import <source> [name]', 'bring in what "pull" takes, or a root directory or a tarball of one, of the node')
    .option('--entrypoint <word>', 'what a root is to run; again for each word more', collect, [])
    .option('--system', 'a root behaves like a machine: what it runs is an init')
    .option('--into <dir>', 'into a store of images without a daemon, as when a machine is prepared')
    .action((source: string, name: string | undefined, options: BringOptions) => bring(source, name ?? '', options));
  add('ls', 'list the images of this node').action(list);
  add('inspect <image>', 'everything that is known of an image').action(inspect);
  add('rm <image>', 'take a name away; its layers go when nothing needs them').action(remove);
  add('prune', 'remove what no name stands for and no cnvm is made from').action(prune);
  add('distribute <image>', 'have peers pull it, from this node or a nearer one')
    .option('--to <node>', 'this peer; may be given more than once (default: all)', collect, [])
    .action(distribute);
}

async function bring(source: string, name: string, options: BringOptions): Promise<void> {
  const { insecure = false, entrypoint = [], system = false, into } = options;
  const request: PullImageRequest = { source, name, insecure, entrypoint, system };
  const bars = createBars(options.json ?? false);
  try {
    const image =
      into === undefined ? await pull(request, options, bars.show) : await importInto(into, request, bars.show);
    bars.clear();
    if (options.json) process.stdout.write(`${jsonText(image)}\n`);
    else if (image !== undefined) process.stdout.write(`${image.names.join(', ')} is ${image.digest}\n`);
  } finally {
    bars.clear();
  }
}

/** What an image is called here, after it has been pulled when it is named by where it comes from. @returns its digest then. */
export async function pullIfElsewhere(
  image: string,
  options: CommonOptions & { readonly insecure?: boolean },
): Promise<string> {
  if (!/^(docker:\/\/|oci:|docker-archive:)/.test(image)) return image;
  const bars = createBars(options.json ?? false);
  try {
    const { insecure = false } = options;
    const request = { source: image, name: '', insecure, entrypoint: [], system: false };
    return (await pull(request, options, bars.show))?.digest ?? image;
  } finally {
    bars.clear();
  }
}

async function pull(
  request: PullImageRequest,
  options: CommonOptions,
  show: ReturnType<typeof createBars>['show'],
): Promise<StoredImage | undefined> {
  return await connected(options, async (connection) => {
    let image: StoredImage | undefined;
    for await (const { event } of messages(connection, connection.images.pullImage(request))) {
      if (event?.$case === 'progress') show('', event.value);
      if (event?.$case === 'image') image = event.value;
    }
    return image;
  });
}

async function list(options: CommonOptions): Promise<void> {
  const { images } = await connected(options, (connection) =>
    call<ListImagesResponse>(connection, (done) => connection.images.listImages({}, done)),
  );
  if (options.json) {
    process.stdout.write(`${jsonText(images)}\n`);
    return;
  }
  const rows = images.map(({ names, digest, layers, system, cnvms, createTime }) => [
    names.join(', ') || '-',
    shortDigest(digest),
    system ? 'system' : 'classic',
    String(layers.length),
    bytesText(layers.reduce((sum, { unpackedBytes }) => sum + Number(unpackedBytes), 0)),
    createTime?.toISOString().slice(0, 10) ?? '',
    cnvms.join(', '),
  ]);
  process.stdout.write(table(['NAME', 'DIGEST', 'KIND', 'LAYERS', 'SIZE', 'MADE', 'CNVMS'], rows));
}

const DIGEST_SHOWN = 'sha256:'.length + 12;
const shortDigest = (digest: string) => digest.slice(0, DIGEST_SHOWN);

async function inspect(name: string, options: CommonOptions): Promise<void> {
  const { image } = await connected(options, (connection) =>
    call<GetImageResponse>(connection, (done) => connection.images.getImage({ name }, done)),
  );
  const text = jsonText(image);
  process.stdout.write(options.json ? `${text}\n` : `${JSON.stringify(JSON.parse(text), null, 2)}\n`);
}

async function remove(name: string, options: CommonOptions): Promise<void> {
  const { freedBytes } = await connected(options, (connection) =>
    call<RemoveImageResponse>(connection, (done) => connection.images.removeImage({ name }, done)),
  );
  const words = `${name} is gone, and with it ${bytesText(Number(freedBytes))}`;
  process.stdout.write(options.json ? `${jsonText({ name, removed: true, freedBytes })}\n` : `${words}\n`);
}

async function prune(options: CommonOptions): Promise<void> {
  const answer = await connected(options, (connection) =>
    call<PruneImagesResponse>(connection, (done) => connection.images.pruneImages({}, done)),
  );
  const words = `${answer.images.length} images are gone, and with them ${bytesText(Number(answer.freedBytes))}`;
  process.stdout.write(options.json ? `${jsonText(answer)}\n` : `${words}\n`);
}

async function distribute(name: string, options: CommonOptions & { readonly to: string[] }): Promise<void> {
  const bars = createBars(options.json ?? false);
  const ends: { node: string; done: boolean; error: string }[] = [];
  const take = ({ node, event }: DistributeImageResponse) => {
    if (event?.$case === 'progress') bars.show(node, event.value);
    if (event?.$case === 'done') ends.push({ node, done: true, error: '' });
    if (event?.$case === 'error') ends.push({ node, done: false, error: event.value });
  };
  try {
    await connected(options, async (connection) => {
      const request = { name, nodes: options.to };
      for await (const message of messages(connection, connection.images.distributeImage(request))) take(message);
    });
  } finally {
    bars.clear();
  }
  if (options.json) process.stdout.write(`${jsonText(ends)}\n`);
  for (const { node, done, error } of ends) {
    if (!options.json && done) process.stdout.write(`${node} has ${name}\n`);
    if (!done) process.stderr.write(`cnvm: ${node} has not got ${name}: ${error}\n`);
  }
  if (ends.some(({ done }) => !done)) process.exitCode = EXIT.failed;
}
