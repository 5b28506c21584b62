// @ts-check
/** Everything that a view may show of one visitor's call. */

import { NOBODY_YET } from "./room.js";
import { NOTHING_WRITTEN } from "./thread.js";

/** @typedef {import("./states.js").State} State */
/** @typedef {import("./api.js").Notice} Notice */
/**
 * @typedef {object} Model
 * @property {State} state
 * @property {string | null} callId
 * @property {Notice | null} notice null while the vault has not answered yet
 * @property {boolean} canBeSeen the button takes video
 * @property {boolean} video the visitor wants to be seen, or was
 * @property {"accepted" | "refused" | null} choice about recording
 * @property {string | null} recording whether the call is recorded, as the vault told last; null: as agreed
 * @property {"erase" | "keep" | null} onWithdrawal what becomes of what was recorded; null: not known
 * @property {boolean} withdrawalTrouble it stopped, but the vault could not confirm it
 * @property {boolean} deciding a consent is on its way
 * @property {boolean} checking the visitor looks at microphone and camera before the call
 * @property {string | null} checkFailure why they did not open
 * @property {string | null} deviceFailure why microphone or camera did not open, while in `permission`
 * @property {MediaStream | null} stream what is sent, for the self-view
 * @property {boolean} muted
 * @property {boolean} cameraOn
 * @property {import("./media.js").Facing} facing
 * @property {string | null} cameraTrouble why the camera did not open during the call
 * @property {import("./line.js").Health} health of the connection
 * @property {import("./room.js").Party} party the other side
 * @property {import("./share.js").Sharing} sharing whether the visitor shows their screen
 * @property {string | null} shareTrouble why not, though they wanted to
 * @property {import("./thread.js").Written} chat
 * @property {boolean} soundBlocked the browser plays the other side only after a press
 * @property {"visitor" | "other" | null} endedBy
 * @property {number | null} startedAt milliseconds since the epoch
 * @property {number} lastedMs
 * @property {string | null} failure a code of strings.js
 */

/** @type {Readonly<Model>} */
export const BEGINNING = Object.freeze({
  state: "idle",
  callId: null,
  notice: null,
  canBeSeen: false,
  video: false,
  choice: null,
  recording: null,
  onWithdrawal: null,
  withdrawalTrouble: false,
  deciding: false,
  checking: false,
  checkFailure: null,
  deviceFailure: null,
  stream: null,
  muted: false,
  cameraOn: false,
  facing: "user",
  cameraTrouble: null,
  health: "good",
  party: NOBODY_YET,
  sharing: "off",
  shareTrouble: null,
  chat: NOTHING_WRITTEN,
  soundBlocked: false,
  endedBy: null,
  startedAt: null,
  lastedMs: 0,
  failure: null,
});
