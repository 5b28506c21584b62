// @ts-check
/** The pictures of a call: the others large, oneself small; a screen that is shared comes before faces. */

import { icon } from "../shared/icons.js";
import { loudness, SPEAKING } from "../shared/loudness.js";
import { el } from "./dom.js";
import { StageTools } from "./stage_tools.js";
import { t } from "./words.js";

const LISTEN_MS = 150; // how often it is asked who speaks
const STILL_MS = 2500; // a picture that has not moved for so long is a camera that was turned off

/** One leg on the stage. */
class Tile {
  /** @param {import("./feed.js").Feed} feed @param {string} name @param {() => void} blocked */
  constructor(feed, name, blocked) {
    this.feed = feed;
    this.blocked = blocked;
    this.video = el("video", { autoplay: true, playsinline: true, "aria-label": name });
    this.words = el("p", {});
    this.cover = el("div", { class: "tile-cover" }, icon("person"), this.words);
    this.element = el(
      "figure",
      { class: "tile", "data-leg": feed.leg.id, "data-kind": feed.leg.kind },
      this.video,
      this.cover,
      el("figcaption", {}, name),
    );
    this.frames = 0;
    this.movedAt = 0;
    /** @type {MediaStreamTrack | undefined} */ this.heard = undefined;
    this.level = loudness(new MediaStream());
  }

  /** Mark whoever speaks. */
  listen() {
    const [track] = this.feed.stream.getAudioTracks();
    if (track !== this.heard) {
      this.level.close();
      this.level = loudness(track ? new MediaStream([track]) : new MediaStream());
      this.heard = track;
    }
    this.element.dataset.speaks = String(this.level.read() > SPEAKING);
  }

  /** Play where the person wants to hear it. @param {string} speaker */
  direct(speaker) {
    const { video } = this;
    if (speaker && video.setSinkId && video.sinkId !== speaker) video.setSinkId(speaker).catch(() => {});
  }

  close() {
    this.level.close();
    this.element.remove();
  }

  /** Whether there is something to be seen. */
  get moves() {
    return this.cover.hidden;
  }

  reflect() {
    const { stream, state } = this.feed;
    const tracks = stream.getTracks().length;
    if (tracks && this.video.srcObject !== stream) this.video.srcObject = stream;
    if (tracks && this.video.paused)
      this.video.play().catch((caught) => caught.name === "NotAllowedError" && this.blocked());
    const { totalVideoFrames } = this.video.getVideoPlaybackQuality();
    if (totalVideoFrames !== this.frames) this.movedAt = performance.now();
    this.frames = totalVideoFrames;
    const moves = this.movedAt > 0 && performance.now() - this.movedAt < STILL_MS;
    this.element.dataset.state = state;
    this.cover.hidden = moves && state === "connected";
    this.words.textContent = t(state === "connected" ? "call.no_picture" : `call.feed_${state}`);
  }
}

export class Stage {
  /**
   * @param {import("./call.js").Call} call
   * @param {(leg: import("./feed.js").Leg) => string} nameOf
   * @param {HTMLElement} trouble  where to say what did not work
   */
  constructor(call, nameOf, trouble) {
    this.call = call;
    this.nameOf = nameOf;
    /** @type {Map<string, Tile>} */ this.tiles = new Map();
    this.main = el("div", { class: "stage-main" });
    this.others = el("div", { class: "stage-others" });
    this.self = el("video", { autoplay: true, playsinline: true, "aria-label": t("call.self") });
    this.self.muted = true;
    this.selfBox = el("div", { class: "self" }, this.self);
    this.empty = el("div", { class: "tile tile-empty" }, el("p", {}));
    const sound = () => {
      for (const { video } of this.tiles.values()) video.play().catch(() => {});
      this.unblock.hidden = true;
    };
    this.unblock = el(
      "button",
      { type: "button", class: "primary unblock", hidden: true, onclick: sound },
      t("call.hear"),
    );
    this.tools = new StageTools(call, () => this.picture, trouble);
    this.element = el(
      "div",
      { class: "call-stage" },
      this.main,
      this.tools.element,
      el("div", { class: "stage-side" }, this.others, this.selfBox),
      this.unblock,
    );
    this.ears = setInterval(() => this.tiles.forEach((tile) => tile.listen()), LISTEN_MS);
  }

  /** @returns {HTMLVideoElement | null} the picture that matters most, while it moves */
  get picture() {
    return this.#ranked().find((tile) => tile.moves)?.video ?? null;
  }

  close() {
    this.tools.close();
    clearInterval(this.ears);
    for (const tile of this.tiles.values()) tile.close();
    this.tiles.clear();
  }

  reflect() {
    const { call } = this;
    for (const [id, feed] of call.feeds) {
      if (this.tiles.get(id)?.feed === feed) continue;
      this.tiles.get(id)?.close();
      this.tiles.set(id, new Tile(feed, this.nameOf(feed.leg), () => (this.unblock.hidden = false)));
    }
    for (const [id, tile] of this.tiles) {
      if (call.feeds.has(id)) continue;
      tile.close();
      this.tiles.delete(id);
    }
    this.#arrange();
    for (const tile of this.tiles.values()) {
      tile.reflect();
      tile.direct(call.speaker);
    }
    if (this.self.srcObject !== call.stream) this.self.srcObject = call.stream;
    this.selfBox.hidden = !call.hasCamera;
    this.selfBox.dataset.facing = call.facing;
    this.tools.reflect();
  }

  /** @param {string} sentence  what the empty stage says */
  say(sentence) {
    /** @type {HTMLElement} */ (this.empty.firstChild).textContent = sentence;
  }

  /** Screens before faces, the visitor before others. */
  #ranked() {
    const rank = (/** @type {Tile} */ { feed }) =>
      (feed.leg.kind === "screen" ? 0 : 2) + (feed.leg.role === "visitor" ? 0 : 1);
    return [...this.tiles.values()].sort((one, other) => rank(one) - rank(other));
  }

  #arrange() {
    const [first, ...rest] = this.#ranked();
    // A picture that moves in the document stops for a moment: only what has to move does.
    put(this.main, [first?.element ?? this.empty]);
    put(
      this.others,
      rest.map(({ element }) => element),
    );
  }
}

/** @param {HTMLElement} place @param {HTMLElement[]} wanted */
function put(place, wanted) {
  const same =
    place.children.length === wanted.length && wanted.every((one, at) => place.children[at] === one);
  if (!same) place.replaceChildren(...wanted);
}
