// @ts-check
/** The volumes of what is taken along: each with its size and fingerprint, to download, check and open. */

import { el } from "./dom.js";
import { counted, size, t } from "./words.js";

/** A volume's file, as the vault names it. @param {number} number */
const fileOf = (number) => `${String(number).padStart(6, "0")}.tar.age`;

/** A list that only grows: what is there stays, and so does the keyboard's place in it. */
export class VolumeList {
  #list = el("ul", { class: "volumes" });
  #foot = el("p", { class: "muted" });
  #fetches;

  /** @param {any} exit @param {boolean} fetches  may download */
  constructor(exit, fetches) {
    this.#fetches = fetches;
    this.element = el(
      "section",
      { class: "card panel", "aria-labelledby": "volumes-title" },
      el("h2", { id: "volumes-title" }, t("volume.title")),
      el("p", {}, t(fetches ? "volume.lead" : "volume.reader")),
      this.#list,
      this.#foot,
      howTo(),
    );
    this.show(exit);
  }

  /** @param {any} exit */
  show({ state, volumes }) {
    this.#list.append(...volumes.slice(this.#list.children.length).map((/** @type {any} */ one) => this.#item(one)));
    this.#list.hidden = !volumes.length;
    this.#foot.textContent = state === "exporting" ? t(volumes.length ? "volume.more" : "volume.none") : "";
    this.#foot.hidden = !this.#foot.textContent;
  }

  /** @param {any} volume */
  #item(volume) {
    const name = t("volume.name", { number: volume.number });
    const said = `${t("volume.download")} (${name})`;
    const href = { href: volume.url, download: fileOf(volume.number) };
    return el(
      "li",
      { class: "volume" },
      el(
        "div",
        { class: "volume-what" },
        el("p", { class: "volume-name" }, `${name} · ${size(volume.sealed_bytes)}`),
        el("p", { class: "muted small" }, volume.number === 1 ? t("volume.rows") : counted("volume.items", volume.items)),
      ),
      this.#fetches && el("a", { class: "button secondary", ...href, "aria-label": said }, t("volume.download")),
      el("p", { class: "volume-digest small" }, el("span", { class: "muted" }, "SHA-256 "), el("code", {}, volume.sha256)),
    );
  }
}

function howTo() {
  const first = fileOf(1);
  const part = (/** @type {string} */ key, /** @type {string} */ commands) => [
    el("p", { class: "small" }, t(key)),
    el("pre", {}, el("code", {}, commands)),
  ];
  const check = `sha256sum ${first}\n# Windows: Get-FileHash ${first}`;
  const open = `age -d -i exit-key.txt -o 000001.tar ${first}\ntar -xf 000001.tar`;
  return el(
    "details",
    { class: "how" },
    el("summary", {}, t("volume.how_title")),
    el("div", { class: "how" }, part("volume.how_check", check), part("volume.how_open", open)),
  );
}
