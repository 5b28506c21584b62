// @ts-check
/** Codes of the vault that decide whether another try makes sense. */

/** Answers after which no try can succeed: the call, or the right to it, is gone. */
export const GONE = Object.freeze([
  "not_found",
  "http_404",
  "unauthenticated",
  "token_refused",
  "forbidden",
]);

/** No answer at all: the network is away, or the vault is being started again. */
export const SILENCE = Object.freeze(["network", "timeout", "http_502", "http_503", "http_504", "busy"]);

/** Ends of a leg or call that nobody wished for: whoever it was may come back. */
export const UNWISHED = Object.freeze([
  "silent",
  "consent_lost",
  "setup_timeout",
  "handshake_failed",
  "failed",
  "shutdown",
  "interrupted",
]);

/** Ends of somebody else's leg after which the call goes on: they come back, on another leg, or it rings again. */
export const GOES_ON = Object.freeze([...UNWISHED, "replaced", "access_ended", "given_back"]);
