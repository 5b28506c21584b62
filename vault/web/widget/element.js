// @ts-check
/**
 * <call-button button="btn_…" lang? media? theme?>: the custom element that ties a call to its picture.
 *
 *   button            the id of a button of the vault
 *   lang              "fr" or "en"; else the nearest lang of the page, else the browser's wish
 *   media             "audio" or "audio video"; never more than the button allows
 *   theme             "light" or "dark"; else what the visitor's system prefers
 *   contact           where to ask about a call (https, mailto or tel); linked from its last panel
 *   data-reference, data-name, data-email, data-phone
 *                     who is calling, if the page knows; given to the vault with the call
 *   data-visitor-token
 *                     what the company's own program signed of who is calling (docs/API.md)
 *
 * It fires `callvault:state` (bubbles, crosses shadow roots) with {state, previous, code, call_id}.
 * A page styles it with ::part(button), ::part(dialog), ::part(dock).
 */

import { chooseLanguage, languageWishes, translator } from "../shared/i18n.js";
import { VaultApi } from "./api.js";
import { Call } from "./call.js";
import { MOVES } from "./states.js";
import { SENTENCES } from "./strings.js";
import { styleSheet } from "./styles.js";
import { View } from "./view.js";

/** @typedef {import("./api.js").Medium} Medium */

const VAULT = new URL("../", import.meta.url);
const CONTACTS = Object.freeze(["https:", "http:", "mailto:", "tel:"]); // a javascript: link would run as the page
const VISITOR_FACTS = Object.freeze(["reference", "name", "email", "phone"]);

export class CallButton extends HTMLElement {
  static observedAttributes = ["button", "lang"];

  /** @type {View} */
  #view;
  #call = new Call(VAULT, (model) => this.#show(model));
  #state = "idle";
  /** @type {import("./api.js").ButtonInfo | null} */
  #info = null;
  #language = chooseLanguage([]);
  #leave = () => this.#call.hangUp();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styleSheet()];
    this.#view = new View(root, this.#scene());
  }

  connectedCallback() {
    addEventListener("pagehide", this.#leave);
    this.#speak();
    void this.#greet();
  }

  /** Gone from the page is hung up; merely moved (out and in at once) is not. */
  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      removeEventListener("pagehide", this.#leave);
      this.#call.hangUp();
    });
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (name === "lang") this.#speak();
    if (name === "button") void this.#greet();
  }

  /** Opens the notice, as a press does; during a call, leads back to it. */
  press() {
    if (!MOVES[this.#call.model.state].includes("asking")) return this.#view.focus();
    void this.#call.ask(this.getAttribute("button") ?? "", () => this.#wish());
  }

  /** @returns {string} the state as in `callvault:state` */
  get state() {
    return this.#state;
  }

  /** Learns the button's label early. If that fails, a press asks again and tells the visitor what is wrong. */
  async #greet() {
    this.#info = null;
    try {
      await this.#learn();
      this.#speak();
    } catch (error) {
      console.warn("call-button: the vault does not know this button here:", error);
    }
  }

  /** @returns {Promise<import("./api.js").ButtonInfo>} */
  async #learn() {
    this.#info ??= await new VaultApi(VAULT).button(this.getAttribute("button") ?? "");
    return this.#info;
  }

  /** @returns {Promise<import("./api.js").CallWish>} the path of the page is told, its query never */
  async #wish() {
    const media = this.#media(await this.#learn());
    const visitor = this.#visitor();
    const { visitorToken } = this.dataset;
    const told = { ...(visitor && { visitor }), ...(visitorToken && { visitor_token: visitorToken }) };
    return { language: this.#language, media, page_url: location.origin + location.pathname, ...told };
  }

  #speak() {
    this.#language = chooseLanguage(languageWishes(this));
    this.#view.speak(this.#scene());
    this.#view.label(
      this.#info?.label[this.#language] ?? translator(SENTENCES, this.#language)("idle.label"),
    );
    if (this.#call.model.state !== "idle") this.#view.show(this.#call.model);
  }

  #scene() {
    const call = this.#call;
    /** @type {import("./view.js").Actions} */
    const actions = {
      press: () => this.press(),
      again: () => this.press(),
      hangUp: () => call.hangUp(),
      wantVideo: (video) => call.wantVideo(video),
      choose: (choice) => void call.choose(choice),
      open: (video) => void call.open(video),
      check: () => void call.check(),
      lookUpRule: () => void call.recorded?.lookUp(),
      withdraw: () => void call.recorded?.withdraw(),
      ownLink: () => call.ownLink(),
      mute: (muted) => call.own.mute(muted),
      switchCamera: (on) => call.own.switchCamera(on),
      flip: () => call.own.flip(),
      useMicrophone: (id) => void call.own.useMicrophone(id),
      useCamera: (id) => void call.own.useCamera(id),
      useSpeaker: (id) => call.useSpeaker(id),
      unblockSound: () => call.unblockSound(),
      share: () => call.share(),
      stopSharing: () => call.stopSharing(),
      write: (text) => call.thread?.send(text),
      writeAgain: (key) => call.thread?.retry(key),
    };
    const t = translator(SENTENCES, this.#language);
    return { language: this.#language, t, contact: this.#contact(), actions };
  }

  /** @param {import("./call.js").Model} model */
  #show(model) {
    this.#view.show(model);
    if (model.state === this.#state) return;
    const previous = this.#state;
    this.#state = model.state;
    const detail = { state: model.state, previous, code: model.failure, call_id: model.callId };
    this.dispatchEvent(new CustomEvent("callvault:state", { bubbles: true, composed: true, detail }));
  }

  /**
   * @param {import("./api.js").ButtonInfo} info
   * @returns {Medium[]} what the button allows and the page did not narrow
   */
  #media({ media: allowed }) {
    const narrowed = this.getAttribute("media")?.split(/[\s,+]+/);
    return narrowed ? allowed.filter((one) => one === "audio" || narrowed.includes(one)) : allowed;
  }

  /** @returns {string | null} a link that is safe to show, if the page gave one */
  #contact() {
    const given = this.getAttribute("contact");
    if (!given) return null;
    const link = document.createElement("a");
    link.href = given;
    return CONTACTS.includes(link.protocol) ? link.href : null;
  }

  #visitor() {
    const given = VISITOR_FACTS.map((name) => [name, this.dataset[name]]).filter(([, value]) => value);
    return given.length ? Object.fromEntries(given) : undefined;
  }
}
