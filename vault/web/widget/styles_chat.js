// @ts-check
/** The look of what is written in a call. */

export const CHAT = `
.chat-button .round { position: relative; }
.chat-button .count {
  position: absolute; inset: -4px -4px auto auto; min-inline-size: 22px; padding: 0 6px; border-radius: 999px;
  font-size: 13px; line-height: 22px; font-weight: 650; text-align: center;
  color: var(--cv-on-danger); background: var(--cv-danger);
}
.chat { display: grid; gap: 10px; }
.chat-log {
  display: flex; flex-direction: column; gap: 8px; max-block-size: min(200px, 20dvh); min-block-size: 48px; margin: 0;
  padding: 10px; overflow: auto; list-style: none; border-radius: 12px; background: var(--cv-sunken);
}
.message { align-self: flex-start; max-inline-size: 86%; }
.message.mine { align-self: flex-end; text-align: end; }
.message p {
  padding: 6px 12px; border-radius: 14px; text-align: start; overflow-wrap: anywhere; white-space: pre-wrap;
  color: var(--cv-ink); background: var(--cv-surface); box-shadow: inset 0 0 0 1px var(--cv-line);
}
.message.mine p { color: var(--cv-on-brand); background: var(--cv-brand); box-shadow: none; }
.message.draft p { color: var(--cv-brand-text); background: var(--cv-brand-soft); }
.message .who { font-size: 13px; color: var(--cv-ink-muted); }
.message .failed { color: var(--cv-danger-text); }
.retry { display: flex; align-items: center; justify-content: flex-end; gap: 4px; }
.chat-form { display: flex; gap: 8px; align-items: stretch; }
.chat-form textarea {
  flex: 1; min-inline-size: 0; padding: 8px 12px; font: inherit; resize: none; border-radius: 10px;
  color: var(--cv-ink); background: var(--cv-surface); border: 1px solid var(--cv-line-control);
}
.chat-form .tonal { min-inline-size: 48px; padding: 8px; }
.chat-form textarea { scroll-margin-block: 12px 120px; } /* the controls stick to the lower edge */
.live.chatting:not(.folded, .wide) .tile { aspect-ratio: 21 / 9; }
.live.with-chat:not(.folded) .control { flex: 1 1 auto; padding-inline: 0; font-size: 12px; }
.live.with-chat:not(.folded) .round { inline-size: 46px; block-size: 46px; }
.live.with-chat:not(.folded) .hang-up .round { inline-size: 58px; }
.folded .chat { display: none; }
`;
