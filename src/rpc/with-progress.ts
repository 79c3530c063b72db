/** Long work, as its caller follows it. Invariant: nobody who reads slowly holds the work up. */
import type { OnProgress, Progress } from '../images/image.js';

/** Often enough for a display that moves. */
const PROGRESS_EVERY_MS = 200;

/** Tells how far it is now and then, until it has ended. */
export async function withProgress<T>(
  act: (report: OnProgress) => Promise<T>,
  tell: (progress: Progress) => Promise<void>,
): Promise<T> {
  let latest: Progress | undefined;
  const timer = setInterval(() => {
    if (latest !== undefined) tell(latest).catch(() => undefined);
    latest = undefined;
  }, PROGRESS_EVERY_MS);
  try {
    return await act((progress) => {
      latest = progress;
    });
  } finally {
    clearInterval(timer);
  }
}
