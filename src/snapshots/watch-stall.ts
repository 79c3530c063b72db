/** Notices that nothing is written any more, while a cnvm stands still for it. */

const LOOKS = 10;

/** @param bytes written so far. @param onStall called once, when they have not grown for `stallMs`. @returns what ends it. */
export function watchStall(bytes: () => number, stallMs: number, onStall: () => void): () => void {
  let [last, still] = [bytes(), 0];
  const timer = setInterval(() => {
    const now = bytes();
    still = now > last ? 0 : still + 1;
    last = now;
    if (still < LOOKS) return;
    clearInterval(timer);
    onStall();
  }, stallMs / LOOKS);
  return () => clearInterval(timer);
}
