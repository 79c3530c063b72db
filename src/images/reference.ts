/** What people name an image by, pure; a wrong one is refused with what would be right. */
import { refused } from '../base/errors.js';

export type Source =
  /** What skopeo understands. */
  | { readonly kind: 'transport'; readonly reference: string; readonly name: string }
  /** A root directory, or a tarball of one; which of the two only the file system says. */
  | { readonly kind: 'root'; readonly path: string; readonly name: string };

/** A name in a store: like a registry's, in lower case. */
const NAME = /^[a-z0-9]([a-z0-9._/:-]{0,254}[a-z0-9])?$/;
const DOCKER =
  /^docker:\/\/([A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[a-z0-9._-]+)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;
const OCI = /^oci:(\/[^\0:]*)(?::([\w][\w.\-/]{0,127}))?$/;
const ARCHIVE = /^docker-archive:(\/[^\0:]*)(?::([a-z0-9][\w.\-/:]{0,254}))?$/;
const EXAMPLES =
  'write docker://HOST/NAME[:TAG], oci:/DIRECTORY[:TAG], docker-archive:/FILE[:NAME], or the /PATH of a root directory or tarball';

/** @throws `refused` when it is none. @param name that was asked for; empty: one that follows from the source. */
export function parseSource(text: string, name: string): Source {
  const source = sourceOf(text);
  if (source === undefined) throw refused('invalid', `"${text}" names no image: ${EXAMPLES}`);
  const named = { ...source, name: name === '' ? source.name : name };
  if (!NAME.test(named.name))
    throw refused(
      'invalid',
      `"${named.name}" is no name for an image: lower-case letters, digits and . _ - / : between them`,
    );
  return named;
}

function sourceOf(text: string): Source | undefined {
  const docker = DOCKER.exec(text);
  if (docker !== null) return { kind: 'transport', reference: text, name: dockerName(docker) };
  const oci = OCI.exec(text);
  if (oci !== null) return { kind: 'transport', reference: text, name: plainName(oci[1] ?? '', oci[2]) };
  const archive = ARCHIVE.exec(text);
  if (archive !== null) {
    const [, file = '', inside] = archive;
    return { kind: 'transport', reference: text, name: inside?.replace(/:latest$/, '') ?? plainName(file, undefined) };
  }
  if (/^\/[^\0]*$/.test(text)) return { kind: 'root', path: text, name: plainName(text, undefined) };
  return undefined;
}

/** "docker://docker.io/library/nginx:1.27" is "nginx:1.27", as people call it; other registries keep their host. */
function dockerName([, path = '', tag, digest]: RegExpExecArray): string {
  const short = path.replace(/^docker\.io\/(library\/)?/, '').replace(/^library\//, '');
  if (tag !== undefined && tag !== 'latest') return `${short}:${tag}`;
  return digest === undefined ? short : `${short}:${digest.slice('sha256:'.length, 'sha256:'.length + 12)}`;
}

/** What a file or a directory is called, without its endings. */
function plainName(path: string, tag: string | undefined): string {
  const last = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const short = last.replace(/(\.tar)?(\.(gz|zst|xz))?$/, '').toLowerCase();
  return tag === undefined || tag === 'latest' ? short : `${short}:${tag.toLowerCase()}`;
}

const withoutLatest = (name: string) => name.replace(/:latest$/, '');

/** The one of an image's names that an order means, if it means a name. */
export function nameIn({ names }: { readonly names: readonly string[] }, wanted: string): string | undefined {
  const [asked = ''] = wanted.split('@');
  return [asked, withoutLatest(asked)].find((one) => names.includes(one));
}

/** Which of these an order means: a name, a whole digest or the beginning of one. @throws `refused` when none, or several. */
export function pick<T extends { readonly names: readonly string[]; readonly digest: string }>(
  images: readonly T[],
  wanted: string,
): T {
  const [asked = '', sum] = wanted.split('@');
  const byName =
    images.find(({ names }) => names.includes(asked)) ??
    images.find(({ names }) => names.includes(withoutLatest(asked)));
  if (byName !== undefined && (sum === undefined || sum === byName.digest)) return byName;
  const part = (sum ?? asked).replace(/^sha256:/, '');
  const byDigest = /^[0-9a-f]{6,64}$/.test(part)
    ? images.filter(({ digest }) => digest.startsWith(`sha256:${part}`))
    : [];
  const [first, second] = byDigest;
  if (second !== undefined) throw refused('invalid', `"${wanted}" is the beginning of ${byDigest.length} digests`);
  if (first !== undefined) return first;
  const known = images.flatMap(({ names }) => names).sort();
  throw refused('not-found', `there is no image "${wanted}" here; there is: ${known.join(', ') || 'none'}`, {
    remedy: 'Bring it in with: cnvm image pull docker://HOST/NAME',
  });
}
