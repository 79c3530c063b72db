/** Comparing versions of programs and kernels. Pure. */

/** Whether one dotted version comes before another; what follows the numbers does not count. */
export function olderThan(one: string, other: string): boolean {
  const numbers = (version: string) => version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [numbers(one), numbers(other)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** From Linux 6.16 on, criu before 4.2 fails on every internet socket ("Can't get 1:34 opt"). */
export function criuTooOld(criu: string, kernel: string): boolean {
  return !olderThan(kernel, '6.16') && olderThan(criu, '4.2');
}
