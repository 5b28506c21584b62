// @ts-check
/** One recording: what it is, why it is opened, playing it, who saw it, erasing it. */

import { clock, dateTime } from "../shared/i18n.js";
import { about, aboutManifest } from "./about.js";
import { accessHistory } from "./access.js";
import { Problem, api, sentenceOf } from "./api.js";
import { CallTimeline } from "./call_timeline.js";
import { byId, el, note } from "./dom.js";
import { eraseSection } from "./erase.js";
import { exportsSection } from "./exports.js";
import { keptPanel } from "./kept_panel.js";
import { lineKept } from "./line_kept.js";
import { Player } from "./player.js";
import { purposeForm } from "./purpose.js";
import { heldOn, receiptSection } from "./receipt.js";
import { otherSides, sideInWords, sidesOf } from "./sides.js";
import { language, named, t } from "./words.js";

const WAIT_MS = 3000; // how often a recording that is not ready yet is asked for again

const root = byId("recording");
const id = root.dataset.id ?? "";
const path = `/v1/media/${id}`;

/** Everything one visit of this page knows. */
const visit = {
  /** @type {any} */ item: null,
  me: "",
  /** @type {Set<string>} */ may: new Set(),
  /** @type {Player | null} */ player: null,
  /** @type {{refresh: () => void} | null} */ history: null,
  /** @type {Promise<CallTimeline | null> | null} */ call: null,
};

/** @param {string} title @param {any} [item] */
function heading(title, item) {
  const badge = item && el("span", { class: `badge badge-${item.state}` }, named("state", item.state));
  const button = item?.button_name && el("span", { class: "muted" }, item.button_name);
  const side = item?.leg_role && el("span", { class: "muted" }, sideInWords(item));
  const duration = item?.duration_ms && el("span", { class: "muted" }, clock(item.duration_ms));
  return el(
    "header",
    { class: "recording-head" },
    el("h1", { id: "title", tabindex: "-1" }, title),
    el("p", { class: "recording-sub" }, badge, side, button, duration),
  );
}

function refreshHistory() {
  visit.history?.refresh();
}

/**
 * A right to play: for one purpose and a short time. The time left is counted from the server's own clock,
 * so a wrong clock on this machine does not shorten or lengthen what is shown.
 * @param {string} purpose
 * @param {string} [of]  the path of the recording; another side has its own link and its own history
 */
async function link(purpose, of = path) {
  const { body, headers } = await api("POST", `${of}/links`, { body: { purpose } });
  const sent = Date.parse(headers.get("Date") ?? "") || Date.now();
  refreshHistory();
  return { ...body, purpose, left_ms: Date.parse(body.expires_at) - sent };
}

/** @param {string} purpose */
async function open(purpose) {
  const access = await link(purpose).catch(restrictedMeanwhile);
  if (!access) return;
  const player = new Player(visit.item, access, { renew: () => link(purpose), closed: ask, gone: start });
  visit.player = player;
  byId("stage").replaceChildren(player.element);
  player.start();
  offerSides(player, purpose);
  if (isExport()) {
    byId("about").replaceChildren(...about({ ...visit.item, state: "" }), downloadOf(access.urls.media));
    return refreshHistory();
  }
  await aboutManifest(byId("about"), visit.item, access.urls.manifest, {
    seek: (atMs) => player.seek(atMs),
    gaps: (gaps) => player.markGaps(gaps),
  });
  refreshHistory(); // by now the first use of the link is in it
}

/** Somebody restricted it while this page was open: then the page says so instead. @param {unknown} caught */
async function restrictedMeanwhile(caught) {
  if (!(caught instanceof Problem) || caught.code !== "restricted") throw caught;
  await start();
  return null;
}

/** An export is made of all sides: none is missing, and the file itself may be taken. */
const isExport = () => visit.item.kind === "export";

/** @param {string} href */
function downloadOf(href) {
  const name = `${id}.${href.split(".").pop()}`;
  return el("a", { class: "button secondary wide small", href, download: name }, t("export.download"));
}

/** @param {Player} player @param {string} purpose */
async function offerSides(player, purpose) {
  if (isExport()) return;
  const all = await sidesOf(visit.item.call_id).catch(() => []); // the recording stands on its own
  const others = all.filter((side) => side.id !== id && side.state === "ready");
  if (visit.player !== player) return;
  const call = await timeline();
  if (others.length) player.offerSides(others, (side) => link(purpose, `/v1/media/${side.id}`), call);
  const fromMs = call?.offsetMs(id);
  if (call && typeof fromMs === "number") showMoments(call, (atMs) => player.seekCall(atMs, fromMs));
}

/** The call on one clock, read once. */
function timeline() {
  visit.call ??= CallTimeline.of(visit.item.call_id);
  return visit.call;
}

/** @param {CallTimeline | null} call @param {((atMs: number) => void) | null} [go] */
function showMoments(call, go = null) {
  if (call) document.getElementById("moments")?.replaceChildren(call.list(go));
}

function ask() {
  visit.player?.stop();
  visit.player = null;
  byId("stage").replaceChildren(purposeForm(open));
  byId("about").replaceChildren(...about(visit.item));
}

/** What stands where the player will be. */
function stage() {
  const { item, may } = visit;
  if (item.state === "ready" && item.restricted_at) return note("warn", t("rec.restricted"));
  if (item.state === "ready" && may.has("media:play")) return purposeForm(open);
  if (item.state === "ready") return note("info", t("rec.no_play"));
  setTimeout(again, WAIT_MS);
  return note(item.state === "lost" ? "warn" : "info", t(`rec.wait_${item.state}`));
}

async function again() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", again, { once: true });
    return;
  }
  const { body } = await api("GET", path).catch(() => ({ body: visit.item }));
  if (body.state === visit.item.state && body.state !== "lost") setTimeout(again, WAIT_MS);
  else if (body.state !== visit.item.state) start();
}

/** @param {string} label @param {string} id @param {...import("./dom.js").Child} children */
function panel(label, id, ...children) {
  return el(
    "section",
    { class: "card panel", "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, label),
    el("div", { id }, ...children),
  );
}

function history() {
  if (!visit.may.has("media:history")) return null;
  const made = accessHistory(path);
  visit.history = made;
  return made.element;
}

function showLive() {
  const { item, may } = visit;
  const title = t(isExport() ? "export.of" : "rec.title", { date: dateTime(language, item.started_at ?? item.created_at) });
  const erases = may.has("media:erase") && item.state !== "capturing";
  const erasePlace = el("div", { class: "erase-place" }, erases && eraseSection(path, item, erased));
  const told = (/** @type {import("./standing.js").Standing} */ standing) => {
    if (erases && standing.why === "held") erasePlace.replaceChildren(eraseSection(path, item, erased, standing.held_until));
  };
  const sidesPlace = el("div", { class: "sides-place" });
  otherSides(item)
    .then((sides) => sides && sidesPlace.replaceChildren(sides))
    .catch(() => {}); // the recording stands on its own
  const linePlace = el("div", { class: "line-place" });
  visit.call = null;
  if (!isExport()) {
    lineKept(item)
      .then((line) => line && linePlace.replaceChildren(line))
      .catch(() => {});
    timeline().then((call) => visit.player || showMoments(call));
  }
  root.replaceChildren(
    heading(title, item),
    el(
      "div",
      { class: "columns" },
      el(
        "div",
        { class: "stage-column" },
        el("section", { class: "stage", id: "stage", "aria-label": t("player.title") }, stage()),
        kept(item, { told }),
      ),
      el(
        "aside",
        { class: "side", "aria-label": t("about.title") },
        sidesPlace,
        item.call_id && el("p", {}, el("a", { href: `/console/calls/${item.call_id}` }, t("dossier.link"))),
        panel(t("about.title"), "about", ...about(item)),
        linePlace,
        isExport() ? null : panel(t("moment.title"), "moments"),
        exportsSection(item.call_id, may),
        erasePlace,
      ),
      history(),
    ),
  );
}

/** Why it is still here, and what keeps it. @param {any} item @param {object} [more] */
function kept(item, more = {}) {
  const about = { kind: /** @type {const} */ ("media"), id, callId: item.call_id, buttonId: item.button_id };
  const changed = () => start().then(() => (document.getElementById("kept-title") ?? byId("title")).focus());
  return keptPanel({ ...about, me: visit.me, may: visit.may, changed, ...more });
}

/**
 * After an erasure: nothing of the recording, its receipt instead.
 * @param {{erased_at?: string, deletion_request_id?: string}} known
 */
function showErased(known) {
  visit.player?.stop();
  visit.player = null;
  const keptPlace = el("div", { class: "kept-place" });
  const seen = (/** @type {any} */ request) => {
    const held = heldOn(request);
    byId("title").textContent = t(held ? "rec.held_title" : "rec.erased_title");
    keptPlace.replaceChildren(held && visit.item ? kept(visit.item, { isAsked: true }) : "");
  };
  root.replaceChildren(
    heading(t("rec.erased_title")),
    el(
      "div",
      { class: "columns" },
      el(
        "div",
        { class: "erased" },
        receiptSection(known, visit.may.has("erasure:read"), { completed: refreshHistory, seen }),
        keptPlace,
      ),
      history(),
    ),
  );
}

/** @param {string} requestId */
function erased(requestId) {
  showErased({ deletion_request_id: requestId });
  byId("title").focus();
}

/** @param {unknown} caught */
function showProblem(caught) {
  if (caught instanceof Problem && caught.status === 410) return showErased(caught.body);
  if (caught instanceof Problem && caught.status === 404) {
    return root.replaceChildren(heading(t("rec.unknown_title")), note("info", t("rec.unknown_text")));
  }
  const retry = { label: t("shell.retry"), act: start };
  return root.replaceChildren(
    heading(t("title.recording")),
    note("danger", `${t("rec.failed")} ${sentenceOf(caught)}`, retry),
  );
}

async function start() {
  root.setAttribute("aria-busy", "true");
  try {
    const me = await api("GET", "/v1/me");
    visit.may = new Set(me.body.permissions);
    visit.me = me.body.id;
    visit.item = (await api("GET", path)).body;
    const gone = visit.item.state === "erased" || visit.item.state === "erasing";
    if (gone) showErased(visit.item);
    else showLive();
  } catch (caught) {
    showProblem(caught);
  } finally {
    root.removeAttribute("aria-busy");
  }
}

start();
