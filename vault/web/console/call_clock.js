// @ts-check
/** The clock of a whole call: it runs whoever is there, and every side keeps to it. */

const LOOK_MS = 200;
const CLOSE_S = 0.04; // under this nobody sees or hears that two sides are apart
const JUMP_S = 0.4; // above this a jump is less strange than catching up
const CATCH_UP = 0.06; // of the speed: too little to hear
const LAST_S = 0.05; // before its end a file still has a picture to stand on
const ROUNDING_S = 0.001;
const HOLD_MS = 1500; // how long everybody waits for a side that is still on its way to a place
const EVENTS = ["loadedmetadata", "canplay", "waiting", "seeked", "ended", "error"];

/** @typedef {"before" | "there" | "after" | "failed"} Presence */

/**
 * One recording on the call's clock.
 * @typedef {{media: HTMLMediaElement, offsetS: number, lengthS: number, presence: Presence,
 *   wants: boolean, placed: number, ear: AbortController}} Side
 */

/**
 * While a side plays, the clock reads its media element (the leader), so that sound is never bent for a
 * clock's sake; where nobody is there, in the silence between two sides, it goes by the machine's own.
 * Fires "tick" whenever something may have changed.
 */
export class CallClock extends EventTarget {
  /** @param {number} totalS  from the earliest beginning to the latest end */
  constructor(totalS) {
    super();
    this.totalS = totalS;
    this.isPlaying = false;
    this.rate = 1;
    /** @type {Side[]} */ this.sides = [];
    /** @type {Side | null} */ this.leader = null;
    this.markedS = 0; // where it was, and when that was
    this.markedAtMs = performance.now();
    this.holdUntilMs = 0;
    this.timer = setInterval(() => this.#tick(), LOOK_MS);
  }

  /**
   * @param {HTMLMediaElement} media
   * @param {number} offsetS  when it began, on this clock
   * @param {number} lengthS  as far as it is known before the file is
   */
  add(media, offsetS, lengthS) {
    const ear = new AbortController();
    /** @type {Side} */
    const side = {
      ...{ media, offsetS, lengthS, presence: "there", ear },
      ...{ wants: !media.paused, placed: media.currentTime },
    };
    const hear = (/** @type {string} */ name, /** @type {() => void} */ act) =>
      media.addEventListener(name, act, { signal: ear.signal });
    for (const name of EVENTS) hear(name, () => this.#tick());
    hear("play", () => this.#played(side));
    hear("pause", () => this.#paused(side));
    hear("seeking", () => this.#moved(side));
    this.sides.push(side);
    return side;
  }

  get nowS() {
    if (this.leader) return this.#within(this.leader.offsetS + this.leader.media.currentTime);
    if (!this.isPlaying || this.#isHeld()) return this.markedS;
    return this.#within(this.markedS + ((performance.now() - this.markedAtMs) / 1000) * this.rate);
  }

  play() {
    if (this.nowS >= this.totalS - CLOSE_S) this.seek(0); // as any player does at its end
    this.#mark(this.nowS);
    this.isPlaying = true;
    this.#hold();
    this.#tick();
  }

  pause() {
    this.#mark(this.nowS);
    this.isPlaying = false;
    this.#tick();
  }

  /** @param {number} atS */
  seek(atS) {
    this.leader = null;
    this.#mark(this.#within(atS));
    for (const side of this.sides) if (isReady(side)) place(side, this.#placeOf(side, this.markedS));
    this.#hold();
    this.#tick();
  }

  /** @param {number} rate */
  setRate(rate) {
    this.#mark(this.nowS);
    this.rate = rate;
    this.#tick();
  }

  /** Let every side go; none is moved or stopped by it. */
  stop() {
    clearInterval(this.timer);
    for (const side of this.sides.splice(0)) side.ear.abort();
    this.leader = null;
  }

  #tick() {
    const now = this.nowS;
    if (this.leader && !this.#isThere(this.leader, now)) this.leader = null;
    this.#mark(now);
    if (this.isPlaying && now >= this.totalS) this.isPlaying = false;
    this.leader ??= this.#nextLeader(now);
    const runs = this.isPlaying && !this.#isHeld();
    for (const side of this.sides) this.#keep(side, now, runs);
    this.dispatchEvent(new Event("tick"));
  }

  /** Whoever is there takes over where the clock is, not where its own file is. @param {number} now */
  #nextLeader(now) {
    const next = this.sides.find((side) => isReady(side) && this.#isThere(side, now)) ?? null;
    const wanted = next ? now - next.offsetS : 0;
    if (next && Math.abs(next.media.currentTime - wanted) > CLOSE_S) place(next, wanted);
    return next;
  }

  /** @param {Side} side @param {number} now @param {boolean} runs */
  #keep(side, now, runs) {
    const { media } = side;
    side.presence = this.#presenceOf(side, now);
    const isThere = this.#isThere(side, now);
    const isFollowing = isThere && side !== this.leader;
    run(side, runs && isThere && isReady(side) && !(isFollowing && this.#isStarved()), this);
    if (!isReady(side) || media.seeking) return;
    const wanted = this.#placeOf(side, now);
    const drift = media.currentTime - wanted;
    const far = isThere && !media.paused ? JUMP_S : isThere ? CLOSE_S : LAST_S * 2;
    if (side !== this.leader && Math.abs(drift) > far) place(side, wanted);
    const correction = isFollowing && Math.abs(drift) > CLOSE_S ? -Math.sign(drift) * CATCH_UP : 0;
    media.playbackRate = this.rate * (1 + correction);
  }

  /**
   * Its place in its own file; before and after it was there, the first and the last picture.
   * @param {Side} side
   * @param {number} now
   */
  #placeOf(side, now) {
    return Math.min(Math.max(0, now - side.offsetS), Math.max(0, lengthOf(side) - LAST_S));
  }

  /** Whether it has something to play at that moment. @param {Side} side @param {number} now */
  #isThere(side, now) {
    const at = now - side.offsetS;
    const isOver = side.media.ended && at > lengthOf(side) - JUMP_S; // files end a little before they say
    return at >= -ROUNDING_S && at < lengthOf(side) && !isOver && !side.media.error;
  }

  /** At the call's very end nobody has left. @param {Side} side @param {number} now @returns {Presence} */
  #presenceOf(side, now) {
    if (side.media.error) return "failed";
    if (now < side.offsetS - ROUNDING_S) return "before";
    const endS = side.offsetS + lengthOf(side);
    const isTheEnd = now >= this.totalS - JUMP_S && endS >= this.totalS - JUMP_S;
    return this.#isThere(side, now) || isTheEnd ? "there" : "after";
  }

  /** Whether the leader waits for its bytes: then all wait. */
  #isStarved() {
    const leader = this.leader;
    if (!leader || leader.media.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return false;
    return leader.media.currentTime < lengthOf(leader) - JUMP_S;
  }

  /** After a jump all begin together, unless one takes too long. */
  #isHeld() {
    if (performance.now() > this.holdUntilMs) return false;
    const isOnItsWay = (/** @type {Side} */ side) =>
      !side.media.error &&
      this.markedS >= side.offsetS &&
      this.markedS < side.offsetS + lengthOf(side) &&
      (side.media.seeking || !isReady(side));
    return this.sides.some(isOnItsWay);
  }

  #hold() {
    this.holdUntilMs = performance.now() + HOLD_MS;
  }

  /** @param {number} atS */
  #mark(atS) {
    this.markedS = atS;
    this.markedAtMs = performance.now();
  }

  /** @param {number} atS */
  #within(atS) {
    return Math.min(Math.max(0, atS), this.totalS);
  }

  /**
   * A key of the keyboard, a headset, a window on top: somebody started one side, so all go.
   * @param {Side} side
   */
  #played(side) {
    if (side.media.paused || side.wants) return;
    side.wants = true;
    if (this.isPlaying) this.#tick();
    else this.play();
  }

  /** @param {Side} side */
  #paused(side) {
    const { ended, seeking, paused } = side.media;
    const isNobodys = ended || seeking || document.hidden; // a hidden picture may stop by itself
    if (paused && side.wants && !isNobodys) this.pause();
  }

  /** Somebody moved one side by other means: the call goes there. @param {Side} side */
  #moved(side) {
    if (Math.abs(side.media.currentTime - side.placed) > LAST_S)
      this.seek(side.offsetS + side.media.currentTime);
  }
}

/** @param {Side} side */
const isReady = (side) => side.media.readyState >= HTMLMediaElement.HAVE_METADATA && !side.media.error;

/** @param {Side} side */
const lengthOf = ({ media, lengthS }) => (Number.isFinite(media.duration) ? media.duration : lengthS);

/**
 * Put it somewhere; noted, to tell a person's move from this code's.
 * @param {Side} side
 * @param {number} atS
 */
function place(side, atS) {
  side.placed = atS;
  side.media.currentTime = atS;
}

/** @param {Side} side @param {boolean} goes @param {CallClock} clock */
function run(side, goes, clock) {
  if (!goes && !side.wants && !side.media.paused) return; // somebody else started it: the event is on its way
  side.wants = goes;
  if (!goes) side.media.pause();
  else if (side.media.paused)
    side.media.play().catch((refused) => {
      if (refused.name === "NotAllowedError") clock.pause();
    });
}
