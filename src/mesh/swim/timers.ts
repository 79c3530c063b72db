/** What is due when: a binary heap. Invariant: what is due first comes out first; of equal times, what was set first. Pure. */

interface Timer<T> {
  readonly at: number;
  readonly order: number;
  readonly what: T;
}

export interface Timers<T> {
  readonly heap: Timer<T>[];
  count: number;
}

export function newTimers<T>(): Timers<T> {
  return { heap: [], count: 0 };
}

export function setTimer<T>(timers: Timers<T>, at: number, what: T): void {
  const { heap } = timers;
  const timer = { at, order: timers.count++, what };
  let index = heap.length;
  heap.push(timer);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const other = heap[above];
    if (other === undefined || !earlier(timer, other)) break;
    heap[index] = other;
    index = above;
  }
  heap[index] = timer;
}

/** When the next one is due; Infinity when there is none. */
export function nextAt<T>({ heap }: Timers<T>): number {
  return heap[0]?.at ?? Number.POSITIVE_INFINITY;
}

/** The next one, if it is due by now; it is gone then. */
export function popDue<T>(timers: Timers<T>, now: number): T | undefined {
  const { heap } = timers;
  const [first] = heap;
  if (first === undefined || first.at > now) return undefined;
  const last = heap.pop();
  if (last !== undefined && heap.length > 0) sink(heap, last);
  return first.what;
}

function sink<T>(heap: Timer<T>[], timer: Timer<T>): void {
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const child = right !== undefined && left !== undefined && earlier(right, left) ? right : left;
    if (child === undefined || !earlier(child, timer)) break;
    heap[index] = child;
    index = 2 * index + (child === left ? 1 : 2);
  }
  heap[index] = timer;
}

function earlier<T>(one: Timer<T>, other: Timer<T>): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}
