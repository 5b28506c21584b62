// @ts-check
/** Choosing microphone, camera and loudspeaker, during a call and before one. */

import { loudness } from "../shared/loudness.js";
import { deviceTrouble } from "./device_help.js";
import { listDevices, prefer } from "./devices.js";
import { el } from "./dom.js";
import { t } from "./words.js";

const TICK_MS = 100;
const CAN_DIRECT = "setSinkId" in HTMLMediaElement.prototype; // Safari and phones play where the system says

/**
 * What devices are chosen for: a call, or the look at oneself before one.
 * @typedef {object} Chooser
 * @property {boolean} wantsVideo
 * @property {MediaStream} stream
 * @property {Partial<Record<import("./devices.js").Kind, string>>} chosen
 * @property {string} speaker
 * @property {(kind: import("./devices.js").Kind, deviceId: string) => Promise<void>} choose
 * @property {() => void} changed
 */

/**
 * Open the choice; it closes with its button, with Escape, and when the call ends.
 * @param {import("./call.js").Call} call
 * @returns {Promise<HTMLDialogElement>}
 */
export async function openDeviceDialog(call) {
  const choices = await deviceChoices(call);
  const close = el("button", { type: "submit", class: "primary" }, t("devices.done"));
  const dialog = el(
    "dialog",
    { class: "card devices", "aria-labelledby": "devices-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "devices-title" }, t("devices.title")),
      choices.fields,
      el("div", {}, close),
    ),
  );
  dialog.addEventListener("close", () => {
    choices.close();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * A choice of each kind, the microphone's with its level; `close` ends the listening.
 * @param {Chooser} chooser
 * @returns {Promise<{fields: HTMLElement[], close: () => void}>}
 */
export async function deviceChoices(chooser) {
  const found = await listDevices();
  const trouble = el("div", { class: "trouble" });
  const kinds = /** @type {import("./devices.js").Kind[]} */ (chooser.wantsVideo ? ["audio", "video"] : ["audio"]);
  const fields = kinds.map((kind) => choice(chooser, kind, found[kind], trouble));
  if (CAN_DIRECT && found.speaker.length > 0) fields.push(loudspeaker(chooser, found.speaker));
  const meter = /** @type {HTMLMeterElement} */ (fields[0].querySelector("meter"));
  return { fields: [...fields, trouble], close: followLevel(chooser, meter) };
}

/**
 * @param {Chooser} chooser
 * @param {import("./devices.js").Kind} kind
 * @param {MediaDeviceInfo[]} devices
 * @param {HTMLElement} trouble
 */
function choice(chooser, kind, devices, trouble) {
  const id = `device-${kind}`;
  const now = chooser.stream
    .getTracks()
    .find((track) => track.kind === kind)
    ?.getSettings().deviceId;
  const select = el(
    "select",
    { id, disabled: !devices.length },
    devices.map(({ deviceId, label }, at) =>
      el(
        "option",
        { value: deviceId, selected: deviceId === (chooser.chosen[kind] || now) },
        label || t(`devices.${kind}_unnamed`, { number: at + 1 }),
      ),
    ),
    !devices.length && el("option", {}, t(`devices.${kind}_none`)),
  );
  select.addEventListener("change", async () => {
    trouble.replaceChildren();
    try {
      await chooser.choose(kind, select.value);
    } catch (caught) {
      trouble.replaceChildren(deviceTrouble(caught));
    }
  });
  const meter = kind === "audio" && el("meter", { min: 0, max: 1, value: 0, "aria-label": t("devices.level") });
  return el("div", { class: "field" }, el("label", { for: id }, t(`devices.${kind}`)), select, meter);
}

/** @param {Chooser} chooser @param {MediaDeviceInfo[]} devices */
function loudspeaker(chooser, devices) {
  const id = "device-speaker";
  const select = el(
    "select",
    { id },
    devices.map(({ deviceId, label }, at) =>
      el(
        "option",
        { value: deviceId, selected: deviceId === chooser.speaker },
        label || t("devices.speaker_unnamed", { number: at + 1 }),
      ),
    ),
  );
  select.addEventListener("change", () => {
    chooser.speaker = select.value;
    prefer({ speaker: select.value });
    chooser.changed();
  });
  return el("div", { class: "field" }, el("label", { for: id }, t("devices.speaker")), select);
}

/**
 * How loud the microphone is, whichever it is by then.
 * @param {Chooser} chooser
 * @param {HTMLMeterElement} meter
 * @returns {() => void} ends it
 */
function followLevel(chooser, meter) {
  /** @type {MediaStreamTrack | undefined} */ let heard;
  let level = loudness(new MediaStream());
  const timer = setInterval(() => {
    const [track] = chooser.stream.getAudioTracks();
    if (track !== heard) {
      level.close();
      level = loudness(track ? new MediaStream([track]) : new MediaStream());
      heard = track;
    }
    meter.value = level.read();
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    level.close();
  };
}
