// @ts-check
/** The end of an exit, by its follow-up link: nobody of the company can sign in any more, so the link is enough. */

import { Problem, api, sentenceOf } from "./api.js";
import { byId, el, facts, note, say } from "./dom.js";
import { UNDER_WAY, badgeOf, waitingInWords } from "./leaving_state.js";
import { waits } from "./polling.js";
import { howTo, keyButton, step } from "./receipt.js";
import { saveText } from "./save.js";
import { day, language, t } from "./words.js";

const root = byId("follow");
const secret = location.hash.slice(1);
const OVER = ["gone", "cancelled"];

/** Ask again until it is over. */
async function follow() {
  const wait = waits();
  for (let before = ""; ; await wait()) {
    try {
      const { body: exit } = await api("POST", `/v1/exits/${root.dataset.exit}/follow`, {
        body: { secret },
        staySignedOut: true,
      });
      const now = JSON.stringify(exit);
      if (now !== before) root.replaceChildren(...shown(exit));
      if (before && exit.state !== JSON.parse(before).state) say(byId("follow-said").textContent ?? "");
      before = now;
      if (OVER.includes(exit.state)) return;
    } catch (caught) {
      return failed(caught);
    } finally {
      root.removeAttribute("aria-busy");
    }
  }
}

/** @param {unknown} caught */
function failed(caught) {
  const dead = caught instanceof Problem && [404, 422].includes(caught.status);
  const retry = { label: t("shell.retry"), act: () => void follow() };
  root.replaceChildren(dead ? note("warn", t("follow.dead")) : note("danger", sentenceOf(caught), retry));
}

/** @param {any} exit */
function shown(exit) {
  return [
    el(
      "section",
      { class: "card panel", "aria-labelledby": "follow-title" },
      el("h2", { id: "follow-title" }, t("exit.title")),
      badgeOf(exit),
      el("p", { id: "follow-said" }, standing(exit)),
      ...(exit.erasing_since ? [steps(exit), counts(exit)] : []),
      UNDER_WAY.includes(exit.state) &&
        el("p", {}, el("a", { href: "/console/leaving" }, t("follow.sign_in"))),
    ),
    exit.receipt && receipt(exit),
  ].filter(Boolean);
}

/** @param {any} exit */
function standing(exit) {
  if (exit.state === "ready" && exit.waits_for) return waitingInWords(exit);
  return t(`follow.${exit.state}`, { date: exit.ends_at ? day(exit.ends_at) : "" });
}

/** @param {any} exit */
function steps(exit) {
  return el(
    "ol",
    { class: "steps-done" },
    step(t("follow.step_asked"), exit.asked_at),
    step(t("follow.step_begun"), exit.erasing_since),
    step(t("follow.step_done"), exit.ended_at),
  );
}

/** @param {any} exit */
function counts({ erased }) {
  const number = (/** @type {number} */ count) => new Intl.NumberFormat(language).format(count);
  return facts([
    [t("follow.versions"), number(erased.versions)],
    [t("follow.rows"), number(erased.rows)],
  ]);
}

/** @param {any} exit */
function receipt(exit) {
  const save = () => saveText(exit.receipt, `receipt-${exit.request_id}.json`, "application/json");
  const isFinal = JSON.parse(exit.receipt).status === "final";
  return el(
    "section",
    { class: "card panel receipt", "aria-labelledby": "receipt-title" },
    el("h2", { id: "receipt-title" }, t("receipt.title")),
    el("p", {}, t("follow.receipt")),
    el("p", { class: "muted" }, t(isFinal ? "follow.final" : "follow.not_final")),
    facts([[t("receipt.number"), el("code", {}, exit.request_id)]]),
    el(
      "p",
      { class: "downloads" },
      el("button", { type: "button", class: "primary", onclick: save }, t("receipt.download")),
      keyButton(),
    ),
    howTo(exit.request_id),
  );
}

void follow();
