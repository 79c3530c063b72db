/**
 * What a cnvm says of itself and of whom it wants beside it: labels, affinity, anti-affinity. Pure. Invariant: a key and a
 * value are plain short words, so that they can stand in a line, in a file and in a command.
 */

export interface Wishes {
  readonly labels: Readonly<Record<string, string>>;
  /** KEY=value of labels: it rather goes where a cnvm has such a one. */
  readonly affinity: readonly string[];
  /** KEY=value of labels: it never goes where a cnvm has such a one, and no such one is sent to where it is. */
  readonly antiAffinity: readonly string[];
}

/** Who says nothing. */
export const NO_WISHES: Wishes = { labels: {}, affinity: [], antiAffinity: [] };

/** As Kubernetes has them: known to many, and enough. */
const KEY = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;
/** They travel with each record and in each bid. */
export const LABELS_MAX = 32;

export const isLabelKey = (key: string): boolean => KEY.test(key);
export const isLabelValue = (value: string): boolean => VALUE.test(value);

/** "KEY=value" taken apart, or undefined when it is none. */
export function labelOf(text: string): readonly [key: string, value: string] | undefined {
  const at = text.indexOf('=');
  const [key, value] = [text.slice(0, at), text.slice(at + 1)];
  return at > 0 && isLabelKey(key) && isLabelValue(value) ? [key, value] : undefined;
}

/** Every reason why they cannot be a cnvm's; empty when they can. */
export function wishesRefusals({ labels, affinity, antiAffinity }: Wishes): string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const many = [
    ['labels', pairs],
    ['wishes for company', affinity],
    ['wishes against company', antiAffinity],
  ] as const;
  const both = affinity.filter((one) => antiAffinity.includes(one));
  return [
    ...[...pairs, ...affinity, ...antiAffinity]
      .filter((pair) => labelOf(pair) === undefined)
      .map((pair) => `"${pair}" is no KEY=value of a label: letters, digits, ".", "_", "-", at most 63 each`),
    ...many.filter(([, some]) => some.length > LABELS_MAX).map(([what]) => `more than ${LABELS_MAX} ${what}`),
    ...both.map((pair) => `${pair} is wanted beside it and not wanted`),
  ];
}

/** Whether a cnvm with these labels is meant by any of the pairs. */
export function isMeant(labels: Readonly<Record<string, string>>, pairs: readonly string[]): boolean {
  return pairs.some((pair) => {
    const [key, value] = labelOf(pair) ?? [];
    return key !== undefined && Object.hasOwn(labels, key) && labels[key] === value;
  });
}
