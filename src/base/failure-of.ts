/** Waiting for one thing while another, which must go well for it, goes on. */

/** Never resolves: only the failure of the other matters to who races it. */
export async function failureOf(other: Promise<unknown>): Promise<never> {
  await other;
  return await new Promise<never>(() => undefined);
}
