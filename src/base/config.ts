/**
 * The daemon's config file. Invariant: what `readConfig` returns is complete and valid; every wrong key of a bad file is
 * named at once, and no default hides a wrong one.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Document, parseDocument } from 'yaml';
import { z } from 'zod';
import { messageOf, refused } from './errors.js';

/**
 * gRPC between nodes over TCP, and WireGuard over UDP: one number for a firewall to let through. WireGuard's customary
 * 51820 is in the range that the kernel gives out by chance, and is where a machine's own tunnel is.
 */
const DEFAULT_PORT = 7443;
/** What WireGuard and the way on for a cnvm that has left add, and what is left then is what IPv4 asks of every host. */
const MTU_MIN = 700;
const MTU_MAX = 65_535;
/** Below the 30 s after which the strictest of firewalls and routers forget a UDP flow. */
const KEEPALIVE_SECONDS = 25;
/** Beside it. */
const DEFAULT_JOIN_PORT = 7444;
const PORT_MAX = 65_535;

const absolute = z.string().regex(/^\/[^\0]*$/, 'must be an absolute path');
const nodeName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/, 'must be a lower-case DNS name');
const ipv4 = z.ipv4('must be an IPv4 address');
const endpoint = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):[0-9]{1,5}$/, 'must be HOST:PORT')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= PORT_MAX, `has a port above ${PORT_MAX}`);

/** An emulated node on a busy machine; beyond that a link that is cut would be noticed after an hour. */
const PATIENCE_MAX = 100;

const seconds = z
  .number()
  .positive()
  .max(7 * 24 * 60 * 60);

/** Far beyond what converges, if anything does. */
const ROUNDS_MAX = 1_000;

/** Far more than any link carries at once. */
const MOVES_MAX = 64;
const PERCENT_MAX = 100;

/** More than anybody writes by hand; the others are found through them. */
const PEERS_MAX = 1_000;

const peer = z.strictObject({
  /** As in its certificate. */
  name: nodeName,
  /** HOST:PORT of its gRPC endpoint. */
  endpoint,
  overlayAddress: ipv4,
});

const schema = z.strictObject({
  /** This node's name, as in its certificate. */
  node: nodeName.default(() => hostname().toLowerCase()),
  /** HOST:PORT to serve peers and operators on, over mutual TLS. */
  listen: endpoint.default(`0.0.0.0:${DEFAULT_PORT}`),
  /** Unix socket for this machine's own operators. */
  socket: absolute.default('/run/cnvm/cnvmd.sock'),
  /** Group that may use the socket. */
  socketGroup: z.string().default('cnvm'),
  /** Records, journals and bundles; survives a reboot. */
  stateDir: absolute.default('/var/lib/cnvm'),
  /** Sockets and images in flight; a tmpfs. */
  runDir: absolute.default('/run/cnvm'),
  /** Images and their layers, shared by all cnvms. */
  imagesDir: absolute.default('/var/lib/cnvm/images'),
  /** Directories in which cnvms may live; the first is the default. */
  landingZones: z.array(absolute).min(1).default(['/home/cnvm/sneakers']),
  /** Parent of every cnvm's cgroup, from the cgroup root. */
  cgroupParent: absolute.default('/cnvm'),
  /** A second socket, whose users may list, inspect and watch, and change nothing. Without: there is none. */
  readers: z
    .strictObject({
      /** Its path. */
      socket: absolute,
      /** The group that may use it. */
      group: z.string(),
    })
    .optional(),
  /** Who this node is, and whom it believes: PEM files, read again when they change. */
  tls: z
    .strictObject({
      /** The certificate of the mesh's CA. */
      ca: absolute.default('/etc/cnvm/pki/ca.crt'),
      /** This node's certificate. */
      cert: absolute.default('/etc/cnvm/pki/node.crt'),
      /** Its key, which never leaves the node. */
      key: absolute.default('/etc/cnvm/pki/node.key'),
      /** The list of what is revoked; "ca.crl" beside the CA's certificate if not given. The daemon writes it, too. */
      crl: absolute.optional(),
      /** The CA's key, on a node that renews its peers' certificates and lets new nodes join; its directory is the CA's. */
      caKey: absolute.regex(/\/ca\.key$/, 'must be the "ca.key" in the directory that "cnvm pki init" made').optional(),
      /** HOST:PORT where new nodes join, open only while there is a join token; only with `caKey`. */
      joinListen: endpoint.default(`0.0.0.0:${DEFAULT_JOIN_PORT}`),
    })
    .prefault({}),
  /** The network of the cnvms. */
  overlay: z.strictObject({
    /** The /16 that all cnvms and nodes share. */
    network: z
      .cidrv4('must be an IPv4 network')
      .regex(/\.0\.0\/16$/, 'must be a /16, for example 10.100.0.0/16')
      .default('10.100.0.0/16'),
    /** This node's own address in it, x.y.0.N. */
    address: ipv4,
    /** Of what goes between nodes; `none` is for a network that nobody else is on. All nodes must have the same. */
    encryption: z.enum(['wireguard', 'none']).default('wireguard'),
    /** WireGuard's, over UDP. */
    port: z.number().int().min(1).max(PORT_MAX).default(DEFAULT_PORT),
    /** Of the links between the nodes, in bytes, where they carry less than this node's own link says. */
    mtu: z.number().int().min(MTU_MIN).max(MTU_MAX).optional(),
    /** Seconds after which a silent tunnel says something, so that what stands between the nodes lets its answer in; 0: never. */
    keepalive: z.number().int().nonnegative().max(PORT_MAX).default(KEEPALIVE_SECONDS),
  }),
  /** HOST:PORT at which peers reach this node; found out when it is left out. */
  advertise: endpoint.optional(),
  /** HOST:PORT of nodes by which this one finds the mesh: any one that lives is enough. */
  seeds: z.array(endpoint).max(PEERS_MAX).default([]),
  /** Seeds whose names are known. Where the endpoint here is another one than the peer's own word, this one is used. */
  peers: z.array(peer).max(PEERS_MAX).default([]),
  /** How long a migration may take, in seconds; beyond that it is called off and rolled back. */
  limits: z
    .strictObject({
      /** Without a byte that moves, while any should. */
      stall: seconds.default(30),
      /** For the first pass of the disk. */
      seed: seconds.default(24 * 60 * 60),
      /** For the rounds of memory. */
      precopy: seconds.default(24 * 60 * 60),
      /** Rounds of memory that are made at most, those that broke included. 0: none are made, and none are taken. */
      rounds: z.number().int().nonnegative().max(ROUNDS_MAX).default(30),
      /** For the freeze, up to the hand-over. */
      freeze: seconds.default(10 * 60),
      /** For a restore at the target, after the hand-over: beyond that it is tried once more, and then given back. */
      restore: seconds.default(2 * 60),
      /** Between two probes of a peer: a dead one is noticed after some ten of them. The same on all nodes. */
      probe: seconds.default(1),
      /** How long a daemon that starts asks who owns its cnvms, before it starts them all the same. */
      settle: seconds.default(10),
      /** A factor, not seconds: how much longer than usual a peer, or a program here, may be silent, where nodes are slow. */
      patience: z.number().min(1).max(PATIENCE_MAX).default(1),
    })
    .prefault({}),
  /** How this node is emptied, and what empties it without anybody's call. */
  evacuation: z
    .strictObject({
      /** Moves at once, when nobody says another number. */
      parallel: z.number().int().min(1).max(MOVES_MAX).default(2),
      /** Seconds after which no new move begins, when nobody says another time. */
      deadline: seconds.default(10 * 60),
      /** So many cnvms may be on their way here at once from nodes that are being evacuated. */
      arrivals: z.number().int().min(1).max(MOVES_MAX).default(2),
      /** When this node is under strain: with less of its memory free than this, in percent. 0: not for that. */
      memoryAvailableMin: z.number().min(0).max(PERCENT_MAX).default(0),
      /** When something waited for memory in more of the last minute than this, in percent (PSI, "some"). 0: not for that. */
      memoryPressureMax: z.number().min(0).max(PERCENT_MAX).default(0),
      /** With less free than this in a landing zone, in MiB. 0: not for that. */
      diskAvailableMin: z.number().int().nonnegative().default(0),
      /** With an error in its self-check ("cnvm node"). */
      errors: z.boolean().default(false),
      /** Seconds that a strain must last before anything is done about it. */
      hold: seconds.default(60),
      /** Seconds between two looks. */
      every: seconds.default(5),
      /** This node empties itself when it is under strain. */
      itself: z.boolean().default(false),
      /** Seconds without any strain, after which a node that emptied itself takes new work again. 0: never by itself. */
      calm: z
        .number()
        .nonnegative()
        .default(10 * 60),
      /** This node asks peers that say that they are under strain to empty themselves. */
      peers: z.boolean().default(false),
    })
    .prefault({}),
  /** Where Prometheus may read figures, over plain HTTP; without: nowhere. */
  metrics: z
    .strictObject({
      /** HOST:PORT. */
      listen: endpoint.default('127.0.0.1:9477'),
    })
    .optional(),
  /** A collector (OTLP over HTTP) that gets a trace of each migration; without: nobody. */
  traces: z
    .strictObject({
      /** http://HOST:PORT. */
      endpoint: z.url({ protocol: /^https?$/, error: 'must be http://HOST:PORT' }),
    })
    .optional(),
  /** What is logged, as JSON lines on the standard output. */
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

/** A valid config; see the schema for each field. */
export type Config = z.infer<typeof schema>;

/** @throws `refused` with one reason for each wrong key, the file's name in front. */
export function parseConfig(text: string, file: string): Config {
  const document = parseDocument(text, { logLevel: 'error' });
  const syntax = document.errors.map((error) => `${file}: ${error.message.split('\n')[0]}`);
  if (syntax.length > 0) throw refused('invalid', `${file} is not valid YAML`, { reasons: syntax });
  const result = schema.safeParse(contentOf(document, file) ?? {});
  if (result.success) return result.data;
  const reasons = result.error.issues.map((issue) => `${file}: ${describe(issue)}`);
  throw refused('invalid', `${file} is not a valid config`, { reasons });
}

/** @throws `refused` when its aliases lead nowhere, or to more than anybody writes by hand. */
function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw refused('invalid', `${file} is not valid YAML: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws `refused` when the file cannot be read or is not valid. */
export function readConfig(file: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw refused('invalid', `cannot read the config ${file}: ${messageOf(error)}`, { cause: error });
  }
  return parseConfig(text, file);
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const prefix = path === '' ? '' : `${path}.`;
    return `unknown key ${issue.keys.map((key) => `${prefix}${key}`).join(', ')}`;
  }
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
