/** The reference of the gRPC services for people and programs, src/docs/api.md, made from proto/cnvm/v1. */
import { execFileSync } from 'node:child_process';

const HEAD = `# The API

Made by \`npm run reference\` from \`proto/cnvm/v1\`. Every node serves it on its Unix socket and, over mutual TLS, on port 7443, with
reflection; [who may call what](security.md) follows from the certificate. An error's details ride in the trailer
\`cnvm-error-bin\`, a \`cnvm.v1.ErrorDetail\`. Fields are only ever added: what a program does not know it must pass over.
`;
const PACKAGE = 'cnvm.v1';

interface Described {
  readonly name: string;
}
interface Field extends Described {
  readonly label: string;
  readonly type: string;
  readonly typeName?: string;
  readonly proto3Optional?: boolean;
}
interface Message extends Described {
  readonly field?: readonly Field[];
}
interface Method extends Described {
  readonly inputType: string;
  readonly outputType: string;
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
}
interface File {
  readonly package: string;
  readonly service?: readonly (Described & { readonly method?: readonly Method[] })[];
  readonly messageType?: readonly Message[];
  readonly enumType?: readonly (Described & { readonly value: readonly Described[] })[];
  readonly sourceCodeInfo: {
    readonly location: readonly { readonly path?: readonly number[]; readonly leadingComments?: string }[];
  };
}

/** Numbers of fields in descriptor.proto, by which comments are found. */
const [MESSAGE, ENUM, SERVICE, MEMBER] = [4, 5, 6, 2] as const;

export function apiReference(root: string): string {
  const built = execFileSync(`${root}/node_modules/.bin/buf`, ['build', '-o', '-#format=json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const files = (JSON.parse(built) as { file: File[] }).file.filter((file) => file.package === PACKAGE);
  const parts = [
    ...files.flatMap((file) => (file.service ?? []).map((_, index) => service(file, index))),
    '## Messages\n',
    ...files.flatMap((file) => (file.messageType ?? []).map((_, index) => message(file, index))),
    '## Enumerations\n',
    ...files.flatMap((file) => (file.enumType ?? []).map((_, index) => enumeration(file, index))),
  ];
  return [HEAD, ...parts].join('\n');
}

function service(file: File, index: number): string {
  const { name, method = [] } = file.service?.[index] ?? { name: '' };
  const rows = method.map((one, at) => {
    const asked = `${one.clientStreaming ? 'stream ' : ''}${nameOf(one.inputType)}`;
    const answer = `${one.serverStreaming ? 'stream ' : ''}${nameOf(one.outputType)}`;
    return `| \`${one.name}\` | ${asked} | ${answer} | ${comment(file, [SERVICE, index, MEMBER, at])} |`;
  });
  return section(
    `## ${name}`,
    comment(file, [SERVICE, index]),
    '| call | asked with | answers | |\n|---|---|---|---|',
    rows,
  );
}

function message(file: File, index: number): string {
  const { name, field = [] } = file.messageType?.[index] ?? { name: '' };
  const rows = field.map(
    (one, at) => `| \`${one.name}\` | ${typeOf(one)} | ${comment(file, [MESSAGE, index, MEMBER, at])} |`,
  );
  return section(`### ${name}`, comment(file, [MESSAGE, index]), '| field | type | |\n|---|---|---|', rows);
}

function enumeration(file: File, index: number): string {
  const { name, value } = file.enumType?.[index] ?? { name: '', value: [] };
  const rows = value.map((one, at) => `| \`${one.name}\` | ${comment(file, [ENUM, index, MEMBER, at])} |`);
  return section(`### ${name}`, comment(file, [ENUM, index]), '| value | |\n|---|---|', rows);
}

function section(title: string, words: string, head: string, rows: readonly string[]): string {
  const table = rows.length === 0 ? [] : [`${head}\n${rows.join('\n')}\n`];
  return [`${title}\n`, ...(words === '' ? [] : [`${words}\n`]), ...table].join('\n');
}

function comment({ sourceCodeInfo }: File, path: readonly number[]): string {
  const found = sourceCodeInfo.location.find((one) => one.path?.join() === path.join());
  return (found?.leadingComments ?? '')
    .trim()
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
}

function typeOf({ label, type, typeName, proto3Optional }: Field): string {
  const plain = typeName === undefined ? type.replace('TYPE_', '').toLowerCase() : nameOf(typeName);
  if (label === 'LABEL_REPEATED') return `${plain}, any number`;
  return proto3Optional ? `${plain}, optional` : plain;
}

const nameOf = (full: string): string => full.replace(`.${PACKAGE}.`, '').replace(/^\./, '');
