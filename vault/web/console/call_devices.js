// @ts-check
/** Choosing microphone and camera during a call. */

import { DeviceFailure, listDevices } from "./devices.js";
import { el, note } from "./dom.js";
import { t } from "./words.js";

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
      trouble,
      el("div", {}, close),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
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
  return el("div", { class: "field" }, el("label", { for: id }, t(`devices.${kind}`)), select);
}
