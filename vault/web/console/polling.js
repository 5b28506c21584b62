// @ts-check
/** Asking again: soon at first, then ever more rarely, and never from a page in the background. */

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000; // an erasure that takes days is not asked for every second

/** Waits that grow. @returns {() => Promise<void>} */
export function waits() {
  let waitMs = FIRST_WAIT_MS;
  return async () => {
    await new Promise((later) => setTimeout(later, waitMs));
    await visible();
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 1.5);
  };
}

/** A page in the background asks nothing. */
async function visible() {
  while (document.hidden) {
    await new Promise((shown) => document.addEventListener("visibilitychange", shown, { once: true }));
  }
}
