// @ts-check
/** Which microphone, camera and loudspeaker: shown when asked for, and kept true while things are plugged in. */

import { h } from "./dom.js";
import { Loudspeaker } from "./loudspeaker.js";
import { listDevices } from "./media.js";

/** @typedef {import("./call.js").Model} Model */
/** @typedef {import("./view.js").Scene} Scene */

/**
 * @param {Scene} scene
 */
export function pickersOf({ t, actions }) {
  const microphone = picker(t("live.microphone"), actions.useMicrophone);
  const camera = picker(t("live.camera"), actions.useCamera);
  const speaker = picker(t("live.speaker"), actions.useSpeaker);
  const node = h("div", { class: "pickers", hidden: true }, microphone.node, camera.node, speaker.node);
  /** @type {Model | null} */
  let model = null;
  const fill = async () => {
    const { audioinput, videoinput, audiooutput } = await listDevices();
    const { stream = null, video = false } = model ?? {};
    microphone.fill(audioinput, idOf(stream?.getAudioTracks()[0]));
    camera.fill(video ? videoinput : [], idOf(stream?.getVideoTracks()[0]));
    speaker.fill(Loudspeaker.canChoose ? audiooutput : [], undefined);
  };
  const refill = () => void (node.hidden || fill());
  navigator.mediaDevices?.addEventListener("devicechange", refill);
  const show = (/** @type {Model} */ now) => {
    const isOther = now.stream !== model?.stream || now.cameraOn !== model?.cameraOn;
    model = now;
    if (isOther) refill();
  };
  const toggle = () => {
    node.hidden = !node.hidden;
    refill();
    return !node.hidden;
  };
  const close = () => navigator.mediaDevices?.removeEventListener("devicechange", refill);
  return { node, show, toggle, close };
}

/** @param {MediaStreamTrack | undefined} track */
function idOf(track) {
  return track?.getSettings().deviceId;
}

/**
 * @param {string} label
 * @param {(deviceId: string) => void} choose
 */
function picker(label, choose) {
  const select = h("select");
  select.addEventListener("change", () => choose(select.value));
  const node = h("label", { class: "picker", hidden: true }, h("span", {}, label), select);
  const fill = (
    /** @type {{id: string, label: string}[]} */ devices,
    /** @type {string | undefined} */ current,
  ) => {
    const chosen = current ?? select.value;
    node.hidden = devices.length === 0;
    select.replaceChildren(...devices.map(({ id, label: name }) => h("option", { value: id }, name)));
    if (devices.some(({ id }) => id === chosen)) select.value = chosen;
  };
  return { node, fill };
}
