/**
 * OCI's and Docker's manifests and configs, read. Pure. Invariant: what comes out is an image that can be made, or the
 * reason why not is said; nothing in it is trusted but what is checked here.
 */
import { z } from 'zod';
import { messageOf, refused } from '../base/errors.js';
import type { Image, ImagePort, Layer } from './image.js';
import { LAYERS_MAX } from './layout.js';

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256:HEX'),
  size: z.number().int().nonnegative(),
});
const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor) });
const indexSchema = z.object({
  manifests: z.array(
    descriptor.extend({ platform: z.object({ architecture: z.string(), os: z.string() }).optional() }),
  ),
});
/** Go writes nothing, or null, where there is nothing. */
const words = z.array(z.string()).nullish();
const marks = z.record(z.string(), z.unknown()).nullish();
const configSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  created: z.string().nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  config: z
    .object({
      User: z.string().nullish(),
      Env: words,
      Entrypoint: words,
      Cmd: words,
      WorkingDir: z.string().nullish(),
      StopSignal: z.string().nullish(),
      Volumes: marks,
      ExposedPorts: marks,
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
});

export type Manifest = z.infer<typeof manifestSchema>;
type Config = z.infer<typeof configSchema>;

/** As OCI names what Node.js names `arch`. */
export function ociArchitecture(arch: string): string {
  return arch === 'x64' ? 'amd64' : arch;
}

/** @throws `refused` when it is none. */
export function parseManifest(text: string): Manifest {
  return parsed(manifestSchema, text, "an image's manifest");
}

/** The digest of the manifest for this architecture when the text is a list of manifests; undefined when it is none. */
export function chosenOf(text: string, architecture: string): string | undefined {
  const index = indexSchema.safeParse(jsonOf(text));
  if (!index.success) return undefined;
  return index.data.manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture)
    ?.digest;
}

/** The digest of the one manifest in an OCI layout's index. @throws `refused` when there is not just one. */
export function onlyManifest(text: string): string {
  const { manifests } = parsed(indexSchema, text, 'the index of an OCI layout');
  const [first, second] = manifests;
  if (first === undefined || second !== undefined)
    throw refused('invalid', `the OCI layout holds ${manifests.length} images, not one`);
  return first.digest;
}

/** Why an image with this config cannot run here; undefined when it can. */
export function platformRefusal(configText: string, architecture: string): string | undefined {
  const { os, architecture: its } = parsed(configSchema, configText, "an image's config");
  if (os === 'linux' && its === architecture) return undefined;
  return `the image is for ${os} on ${its}, and this node is linux on ${architecture}`;
}

/** @throws `refused` when the two do not fit, or hold what cannot be. */
export function imageOf(digest: string, manifest: Manifest, configText: string): Image {
  const config = parsed(configSchema, configText, "an image's config");
  const diffIds = config.rootfs.diff_ids;
  if (manifest.layers.length !== diffIds.length)
    throw refused('invalid', `the image has ${manifest.layers.length} layers and the sums of ${diffIds.length}`);
  if (diffIds.length === 0 || diffIds.length > LAYERS_MAX)
    throw refused('invalid', `the image has ${diffIds.length} layers; from 1 to ${LAYERS_MAX} can be used`);
  const layers = manifest.layers.map(
    ({ digest: blob, size, mediaType }, index): Layer => ({
      ...{ digest: blob, bytes: size, mediaType },
      diffId: diffIds[index] ?? '',
    }),
  );
  return {
    digest,
    configDigest: manifest.config.digest,
    architecture: config.architecture,
    system: isSystem(config),
    createTime: timeOf(config.created),
    layers,
    program: programOf(config),
    labels: config.config?.Labels ?? {},
  };
}

/** Says of an image that it behaves like a machine, or that it does not, whatever it runs. */
export const KIND_LABEL = 'cnvm.kind';
/** Programs that are an init and nothing else. */
const INITS = ['init', 'systemd', 'runit-init', 'openrc-init', 's6-svscan'];

function isSystem({ config }: Config): boolean {
  const kind = config?.Labels?.[KIND_LABEL];
  if (kind !== undefined) return kind === 'system';
  const [first = ''] = [...(config?.Entrypoint ?? []), ...(config?.Cmd ?? [])];
  return INITS.includes(first.split('/').at(-1) ?? '');
}

function programOf({ config }: Config): Image['program'] {
  return {
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    env: config?.Env ?? [],
    user: config?.User ?? '',
    workingDir: config?.WorkingDir || '/',
    stopSignal: config?.StopSignal || 'SIGTERM',
    volumes: Object.keys(config?.Volumes ?? {}).sort(),
    ports: Object.keys(config?.ExposedPorts ?? {}).flatMap(portOf),
  };
}

/** "80", "80/tcp", "53/udp", "8000-8003/tcp"; what is none is passed over, as it is only a hint. */
function portOf(text: string): ImagePort[] {
  const [, first, last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (!(from >= 1 && to >= from && to <= 65_535 && to - from < PORTS_MAX)) return [];
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    port: from + index,
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
  }));
}
const PORTS_MAX = 1_000;

function timeOf(text: string | null | undefined): string {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? EPOCH : (text ?? EPOCH);
}
const EPOCH = '1970-01-01T00:00:00Z';

function parsed<T>(schema: z.ZodType<T>, text: string, what: string): T {
  const result = schema.safeParse(jsonOf(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refused('invalid', `${what} cannot be used: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused('invalid', `that is no JSON: ${messageOf(error)}`, { cause: error });
  }
}
