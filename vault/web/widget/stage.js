// @ts-check
/** The pictures of a call: whoever is there, a shared screen large, and the visitor small. */

import { sink } from "../shared/float.js";
import { loudness, SPEAKING } from "../shared/loudness.js";
import { h, icon } from "./dom.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */
/** @typedef {import("./room.js").Other} Other */
/** @typedef {{node: HTMLElement, draw: () => void, close: () => void}} Tile */

const BARS = 5;
const STILL_MS = 2500; // a camera without a new picture for this long was switched off

/**
 * @param {Scene} scene
 */
export function stageOf(scene) {
  const self = selfTile(scene);
  const rest = h("div", { class: "others" });
  const node = h("div", { class: "stage" }, rest, self.node);
  /** @type {Map<string, Tile & {stream: MediaStream}>} */
  const tiles = new Map();
  const show = (/** @type {Model} */ model) => {
    const { others } = model.party;
    for (const [id, tile] of tiles) {
      if (others.some((other) => other.id === id && other.stream === tile.stream)) continue;
      tile.close();
      tile.node.remove();
      tiles.delete(id);
    }
    for (const other of others) {
      if (tiles.has(other.id)) continue;
      const tile = { ...otherTile(other, scene), stream: other.stream };
      tiles.set(other.id, tile);
      rest.append(tile.node);
    }
    node.classList.toggle("met", others.length > 0);
    node.classList.toggle("several", others.length > 1);
    node.classList.toggle("sharing", others.some(({ kind }) => kind === "screen"));
    self.show(model);
  };
  const draw = () => {
    self.draw();
    for (const tile of tiles.values()) tile.draw();
  };
  const close = () => {
    self.close();
    for (const tile of tiles.values()) tile.close();
  };
  /** @returns {HTMLVideoElement | null} the picture that matters most, if there is one */
  const picture = () => rest.querySelector(".screen video") ?? rest.querySelector(".tile:not(.no-picture) video");
  return { node, show, draw, close, picture };
}

/**
 * Somebody else, or the screen they share. Sound comes from the loudspeaker, so the picture is always silent
 * and no browser keeps it from starting.
 * @param {Other} other
 * @param {Scene} scene
 * @returns {Tile}
 */
function otherTile({ stream, kind, name }, { t }) {
  const who = name || t("live.somebody");
  const label = kind === "screen" ? t("live.screen", { name: who }) : upperFirst(who);
  const video = silentVideo({ "aria-label": label });
  video.srcObject = stream;
  const initial = h("div", { class: "initial", "aria-hidden": "true" }, name ? upperFirst(name)[0] : icon("person"));
  const node = h("div", { class: `tile ${kind} no-picture` }, video, initial, h("div", { class: "tag" }, label));
  const level = loudness(stream);
  const movement = movementOf(video);
  const draw = () => {
    node.classList.toggle("speaking", level.read() > SPEAKING);
    const limitMs = kind === "camera" ? STILL_MS : Infinity; // a screen may well stand still
    node.classList.toggle("no-picture", movement.stillMs() > limitMs || !movement.begun());
  };
  const close = () => {
    level.close();
    movement.close();
    sink(video);
    video.srcObject = null;
  };
  return { node, draw, close };
}

/**
 * When the last new frame was shown. Where the browser does not tell, a picture counts as moving once it has a size.
 * @param {HTMLVideoElement} video
 */
function movementOf(video) {
  if (!video.requestVideoFrameCallback) {
    return { begun: () => video.videoWidth > 0, stillMs: () => 0, close: () => undefined };
  }
  let seenAt = 0;
  const seen = () => {
    seenAt = Date.now();
    next = video.requestVideoFrameCallback(seen);
  };
  let next = video.requestVideoFrameCallback(seen);
  const close = () => video.cancelVideoFrameCallback(next);
  return { begun: () => seenAt > 0, stillMs: () => Date.now() - seenAt, close };
}

/**
 * The visitor, or the bars alone when there is no picture.
 * @param {Scene} scene
 */
export function selfTile({ t }) {
  const video = silentVideo({ "aria-hidden": "true" });
  const bars = Array.from({ length: BARS }, () => h("span"));
  const meter = h("div", { class: "meter", "aria-hidden": "true" }, ...bars);
  const off = h("span", { class: "off" }, icon("micOff"));
  const node = h("div", { class: "self" }, video, h("div", { class: "tag" }, meter, off, t("live.you")));
  /** @type {MediaStreamTrack | undefined} */
  let heard;
  let level = loudness(new MediaStream());
  const show = (/** @type {Model} */ { stream, cameraOn, muted, facing }) => {
    const picture = cameraOn && stream?.getVideoTracks().length ? stream : null;
    if (video.srcObject !== picture) video.srcObject = picture;
    node.classList.toggle("no-picture", !picture);
    node.classList.toggle("is-muted", muted);
    node.classList.toggle("away", facing === "environment");
    const microphone = stream?.getAudioTracks()[0];
    if (microphone === heard) return;
    level.close();
    level = loudness(stream ?? new MediaStream());
    heard = microphone;
  };
  const draw = () => {
    const now = level.read();
    for (const [index, bar] of bars.entries()) bar.classList.toggle("on", now * BARS > index + 0.3);
  };
  const close = () => {
    level.close();
    video.srcObject = null;
  };
  return { node, show, draw, close };
}

/** @param {Record<string, string>} attributes */
function silentVideo(attributes) {
  const video = h("video", { autoplay: true, playsinline: true, tabindex: "-1", ...attributes });
  video.muted = true;
  return video;
}

/** @param {string} words */
export function upperFirst(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
