// @ts-check
/** The look of a running call. */

export const LIVE = `
.live { gap: 14px; padding: 16px 18px 18px; }
.dock { inline-size: auto; }
.dock .panel { inline-size: min(392px, calc(100vw - 34px)); }
.dock .live.wide { inline-size: min(960px, calc(100vw - 42px)); }
.live h2 { font-size: 17px; margin-block-start: -4px; }
.live h2 + .lead { margin-block-start: -10px; font-size: 15px; color: var(--cv-ink-muted); }
.bar { display: flex; align-items: center; gap: 2px; margin-inline-end: -8px; }
.badge {
  display: inline-flex; align-items: center; gap: 8px; padding: 3px 12px 3px 10px; border-radius: 999px;
  font-size: 14px; font-weight: 600; color: var(--cv-ink-muted); background: var(--cv-sunken); white-space: nowrap;
}
.badge .dot { flex: none; inline-size: 10px; block-size: 10px; border-radius: 50%; border: 2px solid currentColor; }
.badge.recorded { color: var(--cv-danger-text); background: var(--cv-danger-soft); }
.recorded .dot { border: 0; background: var(--cv-danger); animation: breathe 2s ease-in-out infinite; }
@keyframes breathe { 50% { opacity: 0.35; } }
.time { flex: 1; margin-inline-start: 10px; font-weight: 600; font-variant-numeric: tabular-nums; }
.bar .icon-only { min-block-size: 44px; min-inline-size: 40px; color: var(--cv-ink-muted); }
.bar .icon-only:hover, .bar [aria-expanded="true"] { color: var(--cv-brand-text); background: var(--cv-brand-soft); }

.pickers { display: grid; gap: 10px; padding: 14px; border-radius: 12px; background: var(--cv-sunken); }
.picker { display: grid; gap: 4px; font-size: 14px; font-weight: 550; }
.picker select {
  min-block-size: 44px; inline-size: 100%; padding: 8px 10px; font: inherit; font-weight: 400; text-overflow: ellipsis;
  color: var(--cv-ink); background: var(--cv-surface); border: 1px solid var(--cv-line-control); border-radius: 8px;
}

.stage {
  position: relative; display: grid; overflow: hidden; border-radius: 12px;
  color: var(--cv-on-stage); background: var(--cv-stage);
}
.stage video { display: block; inline-size: 100%; block-size: 100%; object-fit: cover; }
.self video { transform: scaleX(-1); }
.self.away video { transform: none; }
.self { position: relative; display: grid; place-items: center; aspect-ratio: 16 / 9; min-inline-size: 0; }
.self.no-picture video { display: none; }
.self.no-picture { aspect-ratio: 4; }
.tag {
  position: absolute; inset: auto auto 10px 10px; display: inline-flex; align-items: center; gap: 8px;
  max-inline-size: calc(100% - 20px); padding: 2px 10px; border-radius: 999px; font-size: 14px; font-weight: 550;
  color: var(--cv-on-stage); background: rgb(0 0 0 / 62%);
}
.tile .tag { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.self.no-picture .tag { position: static; gap: 14px; font-size: 16px; background: none; }
.meter { display: inline-flex; align-items: center; gap: 3px; block-size: 16px; }
.meter span { inline-size: 3px; block-size: 6px; border-radius: 3px; background: currentColor; opacity: 0.4; transition: block-size 90ms; }
.meter span.on { block-size: 14px; opacity: 1; }
.stage:not(.met) .no-picture .meter { block-size: 32px; gap: 5px; }
.stage:not(.met) .no-picture .meter span { inline-size: 5px; block-size: 10px; }
.stage:not(.met) .no-picture .meter span.on { block-size: 30px; }
.self .off { display: none; }
.is-muted .off { display: inline-flex; }
.is-muted .meter { display: none; }

.others { display: contents; }
.met .others { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 4px; }
.tile { position: relative; display: grid; place-items: center; aspect-ratio: 4 / 3; min-inline-size: 0; overflow: hidden; }
.wide:not(.folded) .tile { aspect-ratio: 16 / 9; inline-size: 100%; max-block-size: max(180px, calc(100dvh - 300px)); }
.tile > video, .tile > .initial { grid-area: 1 / 1; }
.tile.no-picture video { opacity: 0; } /* hidden altogether, some browsers would show no first frame to wait for */
.tile::after {
  content: ""; position: absolute; inset: 0; border: 3px solid transparent; border-radius: 12px; pointer-events: none;
  transition: border-color 120ms;
}
.tile.speaking::after { border-color: #74d69a; }
.initial {
  display: none; place-items: center; inline-size: 88px; block-size: 88px; border-radius: 50%;
  font-size: 34px; font-weight: 600; color: var(--cv-on-stage); background: rgb(255 255 255 / 14%);
}
.no-picture .initial { display: grid; }
.speaking .initial { box-shadow: 0 0 0 4px #74d69a; }
.met .self {
  position: absolute; inset: auto 10px 10px auto; inline-size: 28%; aspect-ratio: 4 / 3; overflow: hidden;
  border-radius: 8px; background: var(--cv-stage); box-shadow: 0 0 0 2px rgb(255 255 255 / 30%);
}
.met .self.no-picture { inline-size: auto; aspect-ratio: auto; border-radius: 999px; background: rgb(0 0 0 / 62%); box-shadow: none; }
.met .self .tag { inset: auto auto 4px 4px; gap: 5px; padding: 0 7px; font-size: 12px; }
.met .self.no-picture .tag { max-inline-size: none; padding: 2px 10px; gap: 8px; font-size: 14px; }
.stage.several { gap: 4px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.several .others { display: contents; }
.several .self, .several .self.no-picture {
  position: relative; inset: auto; inline-size: auto; aspect-ratio: 4 / 3; border-radius: 0; box-shadow: none;
}
.wide:not(.folded) .several .self { aspect-ratio: 16 / 9; }
.several .self.no-picture .tag { position: absolute; background: none; }
.several .initial { inline-size: 64px; block-size: 64px; font-size: 26px; margin-block-end: 20px; }
.stage.sharing { grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); }
.sharing .screen { grid-column: 1 / -1; order: -1; inline-size: 100%; }
.sharing .screen, .wide:not(.folded) .sharing .screen { aspect-ratio: 16 / 9; max-block-size: max(180px, calc(100dvh - 410px)); }
.sharing .screen video { object-fit: contain; min-block-size: 0; }
.sharing .tile.camera, .wide:not(.folded) .sharing .tile.camera, .sharing .self, .wide:not(.folded) .sharing .self {
  aspect-ratio: 4 / 3;
}
.sharing .initial { inline-size: 48px; block-size: 48px; font-size: 20px; }

.hint {
  display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; padding: 6px 6px 6px 14px; border-radius: 12px;
  font-size: 14px; font-weight: 550; color: var(--cv-warn-text); background: var(--cv-warn-soft);
}
.hint p { flex: 1 1 12em; }
.hint .plain { margin-inline-start: auto; color: var(--cv-warn-text); font-weight: 650; padding-inline: 12px; }
.share {
  display: grid; grid-template-columns: auto 1fr; gap: 10px 12px; align-items: start; padding: 12px 14px; border-radius: 12px;
  font-size: 14px; background: var(--cv-sunken);
}
.share .icon { inline-size: 20px; block-size: 20px; color: var(--cv-brand-text); }
.share .allow { grid-column: 1 / -1; display: grid; gap: 8px; }
.share.on { background: var(--cv-brand-soft); box-shadow: inset 0 0 0 1.5px var(--cv-brand); }
.share-buttons { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 8px; }
.share-buttons > * { flex: 1 1 auto; min-block-size: 44px; padding-block: 8px; }
.share.on .plain { color: var(--cv-brand-text); font-weight: 600; background: var(--cv-surface); box-shadow: inset 0 0 0 1px var(--cv-brand); }

.more-list { display: grid; padding: 6px; border-radius: 12px; background: var(--cv-sunken); }
.item { justify-content: flex-start; padding-inline: 12px; font-weight: 500; text-align: start; }
.item:hover { background: var(--cv-line); }
.item .icon { color: var(--cv-brand-text); }

.hear { align-self: stretch; }
.trouble {
  display: flex; align-items: start; gap: 10px; padding: 10px 12px; border-radius: 10px; font-size: 14px;
  color: var(--cv-warn-text); background: var(--cv-warn-soft);
}
.controls { /* at hand however much stands above: on a small phone, at a large zoom, with the devices open */
  position: sticky; inset-block-end: 0; z-index: 2; display: flex; justify-content: center; gap: 4px;
  margin: 0 -10px -18px; padding: 6px 0 14px; background: var(--cv-surface);
}
.control {
  flex-direction: column; flex: 0 1 84px; gap: 6px; min-inline-size: 0; padding: 4px 4px 6px; border-radius: 14px;
  font-size: 13px; font-weight: 500; color: var(--cv-ink);
}
.round {
  display: grid; place-items: center; inline-size: 56px; block-size: 56px; border-radius: 999px;
  background: var(--cv-sunken); box-shadow: inset 0 0 0 1px var(--cv-line-control);
}
.round .icon { inline-size: 24px; block-size: 24px; }
.control:hover .round { background: var(--cv-line); }
.control:disabled { opacity: 0.5; cursor: default; }
.control[aria-expanded="true"] .round { background: var(--cv-line); }
.toggle.off .round { color: var(--cv-surface); background: var(--cv-ink); }
.toggle.off .icon:first-child, .toggle:not(.off) .icon:last-child { display: none; }
.share-screen.on .round { color: var(--cv-on-brand); background: var(--cv-brand); box-shadow: none; }
.share-screen.on .icon:first-child, .share-screen:not(.on) .icon:last-child { display: none; }
.hang-up .round { inline-size: 76px; color: var(--cv-on-danger); background: var(--cv-danger); box-shadow: none; }
.hang-up:hover .round { background: var(--cv-danger-hover); }
.hang-up .icon { transform: rotate(135deg); }

.live.folded { gap: 6px; padding: 8px 10px 8px 18px; }
.dock .live.folded { inline-size: min(392px, calc(100vw - 34px)); }
.folded h2 { margin: 0; font-size: 15px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.folded .lead, .folded .pickers, .folded .stage, .folded .more-list, .folded .more, .folded .share-screen, .folded > .main:not(.hear),
.folded .devices, .folded .pip, .folded .larger, .folded .flip, .folded .toggle + .toggle { display: none; }
.folded .controls { justify-content: flex-start; margin: 0 0 0 -6px; padding: 0; }
.folded .control { flex: 0 0 auto; flex-direction: row; min-inline-size: 0; min-block-size: 44px; padding-inline: 6px 12px; }
.folded .round { inline-size: 36px; block-size: 36px; }
.folded .hang-up .round { inline-size: 48px; }
.folded .round .icon { inline-size: 20px; block-size: 20px; }
`;
