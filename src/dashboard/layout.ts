/** Where things stand on the map. Pure. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Nodes on an ellipse that fills the map, clockwise, the first at the top, of two at the left; as parts of the width and the height. */
export function placesOf(count: number): Point[] {
  const first = count === 2 ? Math.PI : -Math.PI / 2;
  const round = Array.from({ length: count }, (_, at) => {
    const angle = (2 * Math.PI * at) / count + first;
    return { x: Math.cos(angle), y: Math.sin(angle) };
  });
  const x = spread(round.map((point) => point.x));
  const y = spread(round.map((point) => point.y));
  return round.map((point) => ({ x: x(point.x), y: y(point.y) }));
}

/** What is left free at each edge: half a node. */
const EDGE = 0.18;

/** Over the whole width; what is all at one place goes to the middle. */
function spread(values: readonly number[]): (value: number) => number {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = most - least;
  return (value) => (range < 1e-9 ? 0.5 : EDGE + ((value - least) / range) * (1 - 2 * EDGE));
}

/** A way from one to the other that bends aside, so that two ways between the same two can be told apart. */
export function bend(from: Point, to: Point): Point {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  return { x: middle.x + (from.y - to.y) * 0.18, y: middle.y + (to.x - from.x) * 0.18 };
}

/** The point at a part of the way. */
export function along(from: Point, over: Point, to: Point, part: number): Point {
  const rest = 1 - part;
  const at = (a: number, b: number, c: number) => rest * rest * a + 2 * rest * part * b + part * part * c;
  return { x: at(from.x, over.x, to.x), y: at(from.y, over.y, to.y) };
}

/** How far a migration is, from 0 to 1: its phase, and within it the bytes. */
export function partDone(steps: readonly string[], phase: string, bytesDone: number, bytesTotal: number): number {
  const at = Math.max(0, steps.indexOf(phase === 'postcopy' ? 'activate' : phase));
  const within = bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : 0;
  return (at + within) / steps.length;
}
