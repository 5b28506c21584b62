// @ts-check
/** A recording's facts, and its manifest in plain words. */

import { clock, dateTime, spokenDuration } from "../shared/i18n.js";
import { Problem, sentenceOf } from "./api.js";
import { el, facts, note } from "./dom.js";
import { codecName, counted, day, exact, language, named, seconds, size, t } from "./words.js";

/** @typedef {import("./player.js").Gap} Gap */

/**
 * What is known without opening it.
 * @param {any} item
 */
export function about(item) {
  const known = basics(item);
  return [facts(known), ...(item.state === "ready" ? [el("p", { class: "hint" }, t("about.locked"))] : [])];
}

/**
 * @param {any} item
 * @returns {[string, import("./dom.js").Child | import("./dom.js").Child[]][]}
 */
function basics(item) {
  const rows = [
    [t("about.started"), item.started_at && exact(item.started_at)],
    [t("about.duration"), item.duration_ms && spokenDuration(language, item.duration_ms)],
    [t("about.button"), item.button_name],
    [t("about.format"), (item.codecs ?? []).map(codecName).join(", ")],
    [t("about.size"), item.size_bytes && size(item.size_bytes)],
    [t("about.kept"), item.retain_until && day(item.retain_until)],
    [t("about.restricted"), item.restricted_at && day(item.restricted_at)],
  ];
  return /** @type {[string, string][]} */ (rows.filter(([, value]) => value));
}

/**
 * Read the manifest through the link and put it in words.
 * @param {HTMLElement} place
 * @param {any} item
 * @param {string | undefined} path
 * @param {{seek: (atMs: number) => void, gaps: (gaps: Gap[]) => void}} player
 */
export async function aboutManifest(place, item, path, player) {
  if (!path) return;
  try {
    const answer = await fetch(path, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
    const manifest = await answer.json();
    player.gaps(manifest.gaps ?? []);
    place.replaceChildren(...inWords(manifest, item, player.seek), download(path, item));
  } catch (caught) {
    place.replaceChildren(
      ...about({ ...item, state: "" }),
      note("warn", `${t("about.failed")} ${sentenceOf(caught)}`),
    );
  }
}

/** @param {string} path @param {any} item */
function download(path, item) {
  return el(
    "a",
    { class: "button secondary wide small", href: path, download: `${item.id}-manifest.json` },
    t("about.download"),
  );
}

/** @param {any} manifest @param {any} item @param {(atMs: number) => void} seek */
function inWords(manifest, item, seek) {
  return [
    block(t("about.consent"), consent(manifest.consent)),
    block(t("about.whole"), completeness(manifest, seek)),
    facts([...basics(item), ...tracks(manifest), [t("about.end"), named("end", manifest.end_reason ?? "")]]),
  ];
}

/** @param {string} title @param {import("./dom.js").Child[]} children */
const block = (title, children) => el("div", { class: "about-block" }, el("h3", {}, title), ...children);

/** @param {any} consent */
function consent(consent) {
  if (!consent) return [];
  const choice = consent.choice === "accepted" ? "about.consent_accepted" : "about.consent_refused";
  const words = { version: consent.notice_version, language: named("about", `language_${consent.language}`) };
  return [
    el("p", {}, t(choice, { date: dateTime(language, consent.at) })),
    el("p", { class: "muted small" }, t("about.consent_notice", words)),
  ];
}

/** @param {any} manifest @param {(atMs: number) => void} seek */
function completeness(manifest, seek) {
  const gaps = /** @type {Gap[]} */ (manifest.gaps ?? []);
  const lost = (manifest.tracks ?? []).reduce(
    (/** @type {number} */ sum, /** @type {any} */ track) => sum + (track.lost_packets ?? 0),
    0,
  );
  return [
    manifest.recovered && note("warn", t("about.recovered")),
    el("p", {}, gaps.length ? counted("about.gaps", gaps.length) : t("about.no_gap")),
    gaps.length
      ? el(
          "ul",
          { class: "gaps" },
          gaps.map((gap) => gapItem(gap, manifest, seek)),
        )
      : null,
    el("p", { class: "muted small" }, lost ? counted("about.lost", lost) : t("about.lost_none")),
  ];
}

/** @param {Gap} gap @param {any} manifest @param {(atMs: number) => void} seek */
function gapItem(gap, manifest, seek) {
  const kind = manifest.tracks?.find((/** @type {any} */ track) => track.id === gap.track)?.kind ?? "all";
  const length = seconds((gap.to_ms ?? manifest.duration_ms) - gap.from_ms);
  const said = t("about.gap", {
    from: clock(gap.from_ms),
    length,
    track: t(`track.${kind}`),
    cause: named("gap", gap.cause),
  });
  const label = `${said}. ${t("about.gap_go", { time: spokenDuration(language, gap.from_ms) })}`;
  const go = el(
    "button",
    { type: "button", class: "go", "aria-label": label, onclick: () => seek(gap.from_ms) },
    said,
  );
  return el("li", {}, go);
}

/** @param {any} manifest @returns {[string, string][]} */
function tracks(manifest) {
  return (manifest.tracks ?? []).map((/** @type {any} */ track) => [
    named("kind", track.kind),
    t("about.track", { codec: codecName(track.codec), duration: clock(track.last_ms - track.first_ms) }),
  ]);
}
