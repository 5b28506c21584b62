// @ts-check
/** Choosing microphone, camera and loudspeaker during a call. */

import { loudness } from "../shared/loudness.js";
import { DeviceFailure, listDevices } from "./devices.js";
import { el, note } from "./dom.js";
import { t } from "./words.js";

const TICK_MS = 100;
const CAN_DIRECT = "setSinkId" in HTMLMediaElement.prototype; // Safari and phones play where the system says

/**
 * Open the choice; it closes with its button, with Escape, and when the call ends.
 * @param {import("./call.js").Call} call
 * @returns {Promise<HTMLDialogElement>}
 */
export async function openDeviceDialog(call) {
  const found = await listDevices();
  const trouble = el("div", { class: "trouble" });
  const kinds = /** @type {import("./devices.js").Kind[]} */ (call.wantsVideo ? ["audio", "video"] : ["audio"]);
  const close = el("button", { type: "submit", class: "primary" }, t("devices.done"));
  const dialog = el(
    "dialog",
    { class: "card devices", "aria-labelledby": "devices-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "devices-title" }, t("devices.title")),
      kinds.map((kind) => choice(call, kind, found[kind], trouble)),
      CAN_DIRECT && found.speaker.length > 0 && loudspeaker(call, found.speaker),
      trouble,
      el("div", {}, close),
    ),
  );
  const level = levelOf(call, dialog);
  dialog.addEventListener("close", () => {
    level.close();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {import("./call.js").Call} call
 * @param {import("./devices.js").Kind} kind
 * @param {MediaDeviceInfo[]} devices
 * @param {HTMLElement} trouble
 */
function choice(call, kind, devices, trouble) {
  const id = `device-${kind}`;
  const now = call.stream
    .getTracks()
    .find((track) => track.kind === kind)
    ?.getSettings().deviceId;
  const select = el(
    "select",
    { id, disabled: !devices.length },
    devices.map(({ deviceId, label }, at) =>
      el(
        "option",
        { value: deviceId, selected: deviceId === (call.chosen[kind] ?? now) },
        label || t(`devices.${kind}_unnamed`, { number: at + 1 }),
      ),
    ),
    !devices.length && el("option", {}, t(`devices.${kind}_none`)),
  );
  select.addEventListener("change", async () => {
    trouble.replaceChildren();
    try {
      await call.choose(kind, select.value);
    } catch (caught) {
      const code = caught instanceof DeviceFailure ? caught.code : "unknown";
      trouble.replaceChildren(note("danger", t(`blocked.${code}`)));
    }
  });
  const meter = kind === "audio" && el("meter", { min: 0, max: 1, value: 0, "aria-label": t("devices.level") });
  return el("div", { class: "field" }, el("label", { for: id }, t(`devices.${kind}`)), select, meter);
}

/** @param {import("./call.js").Call} call @param {MediaDeviceInfo[]} devices */
function loudspeaker(call, devices) {
  const id = "device-speaker";
  const select = el(
    "select",
    { id },
    devices.map(({ deviceId, label }, at) =>
      el(
        "option",
        { value: deviceId, selected: deviceId === call.speaker },
        label || t("devices.speaker_unnamed", { number: at + 1 }),
      ),
    ),
  );
  select.addEventListener("change", () => {
    call.speaker = select.value;
    call.changed();
  });
  return el("div", { class: "field" }, el("label", { for: id }, t("devices.speaker")), select);
}

/**
 * How loud the microphone is, while the choice is open: whichever it is by then.
 * @param {import("./call.js").Call} call
 * @param {HTMLElement} dialog
 */
function levelOf(call, dialog) {
  const meter = /** @type {HTMLMeterElement} */ (dialog.querySelector("meter"));
  /** @type {MediaStreamTrack | undefined} */ let heard;
  let level = loudness(new MediaStream());
  const timer = setInterval(() => {
    const [track] = call.stream.getAudioTracks();
    if (track !== heard) {
      level.close();
      level = loudness(track ? new MediaStream([track]) : new MediaStream());
      heard = track;
    }
    meter.value = level.read();
  }, TICK_MS);
  return {
    close: () => {
      clearInterval(timer);
      level.close();
    },
  };
}
