/**
 * Real daemons in one process, each on a fake host of its own: real certificates, real gRPC, real journals on disk, and
 * between each two a link that can be cut. Invariant: a node keeps its host and its directories over all its daemons.
 */
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, parseConfig } from '../../src/base/config.js';
import { createLog } from '../../src/base/log.js';
import { type Daemon, startDaemon } from '../../src/daemon.js';
import { type JournalEntry, parseEntry } from '../../src/migration/journal.js';
import type { TlsFiles } from '../../src/pki/identity.js';
import { initPki, issueNode } from '../../src/pki/pki-dir.js';
import { createFakeHost, type FakeHost, LANDING, type Lease } from './fake-host.js';
import { type LinkProxy, openLinkProxy } from './link-proxy.js';
import { openOperator } from './operator.js';
import { createWitness } from './witness.js';

const LOG_LEVEL = process.env['CNVM_TEST_SHOW'] === undefined ? 'fatal' : 'debug';

export type MeshOfDaemons = Awaited<ReturnType<typeof startMesh>>;
export type MeshNode = MeshOfDaemons['nodes'][number];

export interface MeshSetting {
  /** The nodes that hold the CA's key. */
  readonly authorities?: readonly string[];
  /** Nobody's config names a peer, and nobody has heard of anybody. */
  readonly apart?: boolean;
  /** Each serves its figures. */
  readonly metrics?: boolean;
  /** Where each sends its traces. */
  readonly traces?: string;
}

/** Afterwards every node of `names` serves, and has heard of the others unless they are to be apart. */
export async function startMesh(names: readonly string[], setting: MeshSetting = {}) {
  const { authorities = [], apart = false, metrics = false, traces } = setting;
  const directory = mkdtempSync(join(tmpdir(), 'cnvm-mesh-'));
  const witness = createWitness();
  const pkiDir = join(directory, 'pki');
  await makeCertificates(pkiDir, names);
  const ports = new Map<string, number>();
  /** By "caller>called"; each life of the caller has its own, so that a dead daemon reaches nobody. */
  const links = new Map<string, LinkProxy>();
  const broken = new Set<string>();

  async function linkOf(from: string, to: string): Promise<LinkProxy> {
    const way = `${from}>${to}`;
    const link = links.get(way) ?? (await openLinkProxy(() => ports.get(to)));
    if (broken.has(way)) link.cut();
    links.set(way, link);
    return link;
  }
  const others = (name: string) => names.filter((other) => other !== name);

  function makeNode(name: string, index: number) {
    const home = join(directory, name);
    mkdirSync(home);
    const overlayAddress = `10.100.0.${index + 1}`;
    const host: FakeHost = createFakeHost({ node: name, overlayAddress, directory: home, witness });
    let life = 0;
    // Each daemon's own: the clients' connections to one that died would go on leading to it.
    const socket = () => join(home, `cnvmd-${life}.sock`);
    const tls = tlsOf(pkiDir, home, name, authorities.includes(name));
    let stateDir = join(home, 'state');
    let lease: Lease | undefined;
    let daemon: Daemon | undefined;
    let joinPort = 0;
    let metricsPort = 0;

    return {
      name,
      host,
      ...openOperator(socket),
      /**
       * A daemon begins here; whatever an earlier one left it finds. @param without peers that its config leaves out.
       * @param limits that its config sets. @param evacuation likewise.
       */
      async begin(
        without: readonly string[] = [],
        limits: Partial<Config['limits']> = {},
        evacuation: Partial<Config['evacuation']> = {},
      ): Promise<void> {
        life += 1;
        lease = host.lease();
        const peers = await Promise.all(
          others(name)
            .filter((peer) => !apart && !without.includes(peer))
            .map(async (peer) => ({
              name: peer,
              endpoint: `127.0.0.1:${(await linkOf(name, peer)).port}`,
              overlayAddress: `10.100.0.${names.indexOf(peer) + 1}`,
            })),
        );
        joinPort = await freePort();
        metricsPort = metrics ? await freePort() : 0;
        const more = { joinListen: `127.0.0.1:${joinPort}` };
        const config = configOf({
          name,
          home,
          socket: socket(),
          stateDir,
          tls: { ...tls, ...more },
          overlayAddress,
          peers,
          limits,
          evacuation,
          more: {
            ...(metrics ? { metrics: { listen: `127.0.0.1:${metricsPort}` } } : {}),
            ...(traces === undefined ? {} : { traces: { endpoint: traces } }),
          },
        });
        daemon = await startDaemon(config, lease.host, createLog({ level: LOG_LEVEL, pretty: true }, { node: name }));
        ports.set(name, daemon.port);
      },
      /** The daemon is told to stop, and has. */
      async stop(): Promise<void> {
        await daemon?.stop();
        ports.delete(name);
        daemon = undefined;
      },
      /** The daemon dies where it stands, with every connection that it has. */
      crash(): void {
        lease?.cut();
        ports.delete(name);
        for (const other of others(name)) {
          links.get(`${name}>${other}`)?.close();
          links.delete(`${name}>${other}`);
          links.get(`${other}>${name}`)?.reset();
        }
        daemon = undefined;
        // What it was about to write is written nowhere: it lives on in this process, and must not change what the next one finds.
        const left = stateDir;
        stateDir = join(home, `state-${life}`);
        renameSync(left, stateDir);
      },
      /** What its journal on disk says, newest first. */
      journal: () => readJournal(join(stateDir, 'migrations')),
      /** A record is on its disk, as from a backup, and the disk of the cnvm with it. */
      keepRecord(cnvm: string, text: string): void {
        mkdirSync(join(stateDir, 'cnvms', cnvm), { recursive: true });
        writeFileSync(join(stateDir, 'cnvms', cnvm, 'record.json'), text);
      },
      /** A directory that the daemon keeps, for a test to spoil; after a crash another one. */
      get stateDir(): string {
        return stateDir;
      },
      tls,
      endpoint: () => `127.0.0.1:${ports.get(name) ?? 0}`,
      /** Where new nodes join; open while there is a token, at a node that holds the CA's key. */
      joinEndpoint: () => `127.0.0.1:${joinPort}`,
      metricsUrl: () => `http://127.0.0.1:${metricsPort}/metrics`,
      socket,
      readerSocket: () => `${socket()}.ro`,
    };
  }
  const nodes = names.map(makeNode);
  for (const node of nodes) await node.host.addImage();
  for (const node of nodes) await node.begin();
  await Promise.all(nodes.map((node) => node.hearsAll()));
  if (!apart) await Promise.all(nodes.map((node) => metAll(node, names.length - 1)));

  function node(name: string): ReturnType<typeof makeNode> {
    const found = nodes.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }
  const ways = (one: string, other: string) => [`${one}>${other}`, `${other}>${one}`];

  return {
    nodes,
    node,
    witness,
    /** The deployer's: with the CA's key, and all that was issued. */
    pkiDir,
    /** Breaks what is connected between the two; nobody gets through until `heal`. */
    cut(one: string, other: string): void {
      for (const way of ways(one, other)) {
        broken.add(way);
        links.get(way)?.cut();
      }
    },
    heal(one: string, other: string): void {
      for (const way of ways(one, other)) {
        broken.delete(way);
        links.get(way)?.heal();
      }
    },
    async stop(): Promise<void> {
      for (const { host } of nodes) host.plan.clear();
      await Promise.all(nodes.map((one) => one.stop()));
      for (const link of links.values()) link.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Who answers may not yet have been met by the membership; what is known of its cnvms comes by that. */
async function metAll(node: { states(): Promise<string[]> }, count: number): Promise<void> {
  while ((await node.states()).filter((state) => state.endsWith(' alive')).length < count) await sleep(10);
}

/** Not by `openJournal`, which takes the directory for its own. */
function readJournal(directory: string): JournalEntry[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .map((file) => parseEntry(readFileSync(join(directory, file), 'utf8'), file))
    .sort((a, b) => b.migration.startTime.localeCompare(a.migration.startTime));
}

async function makeCertificates(directory: string, names: readonly string[]): Promise<void> {
  await initPki(directory, { force: false });
  for (const name of names) await issueNode(directory, name, { force: false });
}

interface NodeTls extends TlsFiles {
  readonly caKey?: string;
}

/** A node's own copies, as they would be brought to it. */
function tlsOf(directory: string, home: string, name: string, isAuthority: boolean): NodeTls {
  const own = join(home, 'pki');
  mkdirSync(own, { mode: 0o700 });
  const bring = (from: string, to: string) => {
    copyFileSync(join(directory, from), join(own, to));
    return join(own, to);
  };
  const files = {
    ca: bring('ca.crt', 'ca.crt'),
    cert: bring(join('nodes', `${name}.crt`), 'node.crt'),
    key: bring(join('nodes', `${name}.key`), 'node.key'),
  };
  return isAuthority ? { ...files, caKey: bring('ca.key', 'ca.key') } : files;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

interface NodeSketch {
  readonly name: string;
  readonly home: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly tls: NodeTls & { readonly joinListen: string };
  readonly overlayAddress: string;
  readonly peers: readonly { name: string; endpoint: string; overlayAddress: string }[];
  readonly limits: Partial<Config['limits']>;
  readonly evacuation: Partial<Config['evacuation']>;
  readonly more: Partial<Config>;
}

function configOf({
  name,
  home,
  socket,
  stateDir,
  tls,
  overlayAddress,
  peers,
  limits,
  evacuation,
  more,
}: NodeSketch): Config {
  const config = {
    ...more,
    node: name,
    listen: '127.0.0.1:0',
    socket,
    socketGroup: 'no-such-group',
    readers: { socket: `${socket}.ro`, group: 'no-such-group' },
    stateDir,
    runDir: join(home, 'run'),
    imagesDir: join(home, 'images'),
    landingZones: [LANDING],
    tls,
    overlay: { network: '10.100.0.0/16', address: overlayAddress },
    peers,
    // Faster than on a real network, and not so fast that a busy machine takes the living for dead.
    limits: { probe: 0.25, settle: 1, ...limits },
    evacuation,
  };
  return parseConfig(JSON.stringify(config), `the config of ${name}`);
}
