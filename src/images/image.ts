/**
 * What an image is, pure: the record that a store keeps of it. Invariant: it follows from the manifest and the config that
 * its digest stands for, so it is the same on every node but for the names.
 */
import { z } from 'zod';
import { LAYERS_MAX } from './layout.js';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256:HEX');
const bytes = z.number().int().nonnegative();

const layerSchema = z.object({
  /** As it travels. */
  digest,
  /** Of its content. */
  diffId: digest,
  /** As it travels. */
  bytes,
  mediaType: z.string().max(256),
});

const portSchema = z.object({ port: z.number().int().min(1).max(65_535), protocol: z.enum(['tcp', 'udp']) });

/** What to run, and how. */
const programSchema = z.object({
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  /** KEY=value. */
  env: z.array(z.string()),
  /** User, or user:group, by name or number; root when empty. */
  user: z.string(),
  workingDir: z.string(),
  stopSignal: z.string(),
  volumes: z.array(z.string()),
  ports: z.array(portSchema),
});

export const imageSchema = z.object({
  /** Of its manifest. */
  digest,
  configDigest: digest,
  /** As OCI names it. */
  architecture: z.string().max(64),
  /** It behaves like a machine: it has an init. */
  system: z.boolean(),
  /** ISO 8601; the epoch's beginning when it does not say. */
  createTime: z.string().max(64),
  /** The lowest one first. */
  layers: z.array(layerSchema).min(1).max(LAYERS_MAX),
  program: programSchema,
  labels: z.record(z.string(), z.string()),
});

export type Image = z.infer<typeof imageSchema>;
export type Layer = z.infer<typeof layerSchema>;
export type ImagePort = z.infer<typeof portSchema>;

/** A layer, and what it takes on a disk. */
export interface LayerSize {
  readonly digest: string;
  readonly diffId: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
}

/** An image with what only this node says of it. */
export interface StoredImage extends Image {
  readonly names: readonly string[];
}

/** How far something is that takes its time. */
export interface Progress {
  readonly step: string;
  readonly bytesDone: number;
  /** 0 while it is not known. */
  readonly bytesTotal: number;
}

export type OnProgress = (progress: Progress) => void;
