// @ts-check
/** One visitor's call, from the press of the button to the end, without any picture of it (view.js draws). */

import { CallFailure, VaultApi } from "./api.js";
import { UNWISHED } from "./codes.js";
import { EventStream } from "./events.js";
import { Line } from "./line.js";
import { Loudspeaker } from "./loudspeaker.js";
import { closeDevices, DEVICE_FAILURES, openDevices } from "./media.js";
import { BEGINNING } from "./model.js";
import { OwnDevices } from "./own.js";
import { Recorded } from "./recorded.js";
import { Room } from "./room.js";
import { ScreenShare } from "./share.js";
import { move } from "./states.js";
import { Thread } from "./thread.js";

/** @typedef {import("./api.js").CreatedCall} CreatedCall */
/** @typedef {import("./api.js").CallWish} CallWish */
/** @typedef {import("./model.js").Model} Model */

export class Call {
  /** @type {Model} */
  model = { ...BEGINNING };
  #attempt = new AbortController();
  /** @type {VaultApi} */
  #api;
  /** @type {URL} */
  #base;
  /** @type {Line | null} */
  #line = null;
  /** @type {Room | null} */
  #room = null;
  /** @type {EventStream | null} */
  #events = null;
  /** @type {Thread | null} what is written in the call */
  thread = null;
  /** @type {Recorded | null} whether it is recorded */
  recorded = null;
  #loudspeaker = new Loudspeaker((soundBlocked) => this.#update({ soundBlocked }));
  /** The visitor's microphone and camera. */
  own = new OwnDevices(
    (state) => this.#ownChanged(state),
    async (kind, track) => this.#line?.replace(kind, track),
  );
  #share = new ScreenShare((state) => this.#update(state));
  /** @type {(model: Model) => void} */
  #changed;

  /**
   * @param {URL} base where the vault is
   * @param {(model: Model) => void} changed told after every change
   */
  constructor(base, changed) {
    this.#base = base;
    this.#api = new VaultApi(base);
    this.#changed = changed;
  }

  /**
   * The button was pressed: opens a call and fetches its notice.
   * @param {string} buttonId
   * @param {() => Promise<CallWish>} wishOf what the page wants; may have to ask the vault first
   */
  async ask(buttonId, wishOf) {
    this.#attempt = new AbortController();
    this.#api = new VaultApi(this.#base);
    this.#update({ ...BEGINNING, state: move(this.model.state, "asking") });
    await this.#try(async (signal) => {
      const wish = await wishOf();
      const call = await this.#api.createCall(buttonId, wish, signal);
      const canBeSeen = wish.media.includes("video");
      this.#update({ callId: call.id, notice: call.notice, canBeSeen, video: canBeSeen });
    });
  }

  /** @param {boolean} video whether the visitor wants to be seen */
  wantVideo(video) {
    this.#update({ video });
    void this.own.switchCamera(video); // where it is open already, to be checked
  }

  /** Opens microphone and camera before the call, for the visitor alone: nothing is sent. */
  async check() {
    const { signal } = this.#attempt;
    const { video } = this.model;
    this.#update({ checkFailure: null, checking: true });
    try {
      const stream = await openDevices({ video });
      if (signal.aborted || this.model.state !== "asking") return closeDevices(stream);
      this.own.take(stream, video);
    } catch (error) {
      const checkFailure = error instanceof CallFailure ? error.code : "media_unknown";
      if (!signal.aborted) this.#update({ checkFailure, checking: false });
    }
  }

  /**
   * The visitor decided about recording. Only when the vault has written it down are devices asked for.
   * @param {"accepted" | "refused"} choice
   */
  async choose(choice) {
    const { callId, notice, deciding } = this.model;
    if (!callId || !notice || deciding) return;
    this.#update({ deciding: true });
    await this.#try(async (signal) => {
      const consent = { choice, notice_hash: notice.hash, language: notice.language };
      await this.#api.consent(callId, consent, signal);
      this.#update({ choice, deciding: false, state: move(this.model.state, "permission") });
    });
    if (this.model.state === "permission") await this.open(this.model.video);
  }

  /**
   * Asks the browser for the devices, then connects.
   * @param {boolean} video false: sound only
   */
  async open(video) {
    this.#update({ video, deviceFailure: null });
    await this.#try(async (signal) => {
      const stream = this.own.checked(video) ?? (await openDevices({ video }));
      if (signal.aborted) return closeDevices(stream);
      this.#update({ state: move(this.model.state, "connecting") });
      if (stream !== this.own.state.stream) this.own.take(stream, video);
      await this.#connect(stream, signal);
    });
  }

  /** Hears the other side after all; to be called from a press. */
  unblockSound() {
    void this.#loudspeaker.unblock();
  }

  /** @param {string} deviceId */
  useSpeaker(deviceId) {
    void this.#loudspeaker.use(deviceId);
  }

  /** Shows the visitor's screen; to be called from a press. */
  share() {
    const { callId } = this.model;
    if (callId) void this.#share.start({ api: this.#api, callId });
  }

  /** The link to the visitor's own page of this call. */
  ownLink() {
    return this.#api.ownLink(this.model.callId ?? "");
  }

  stopSharing() {
    this.#share.stop();
  }

  /** Hangs up, or leaves the question: whatever was begun stops, devices first. */
  hangUp() {
    if (this.model.state === "live") return this.#end("visitor");
    this.#stop();
    if (this.model.state !== "idle") this.#update({ ...BEGINNING, state: move(this.model.state, "idle") });
  }

  /**
   * @param {MediaStream} stream
   * @param {AbortSignal} signal
   */
  async #connect(stream, signal) {
    const callId = this.model.callId ?? "";
    const { canBeSeen } = this.model; // who begins with sound alone may be seen later, over the same connection
    this.#line = new Line(
      { api: this.#api, callId, stream, video: canBeSeen },
      {
        health: (health) => this.#update({ health }),
        ended: (reason) => this.#over(reason),
        lost: () => this.#lost(),
        restored: () => this.#restored(),
        incoming: () => this.#room?.connections ?? [],
      },
    );
    this.#listen(callId);
    await this.#line.open(signal);
    if (!signal.aborted) this.#update({ startedAt: Date.now(), state: move(this.model.state, "live") });
  }

  /**
   * It begins to ring when the leg joins, so the ear is there before.
   * @param {string} callId
   */
  #listen(callId) {
    this.#room = new Room(
      this.#api,
      callId,
      (party) => this.#meet(party),
      (reason) => this.#over(reason),
    );
    this.thread = new Thread(this.#api, callId, (chat) => this.#update({ chat }));
    this.recorded = new Recorded(this.#api, callId, (state) => this.#update(state));
    this.#events = new EventStream(this.#api, (told) => this.#hear(told));
    void this.#events.run();
  }

  /** @param {import("./events.js").Told} told */
  #hear(told) {
    this.#room?.hear(told);
    this.thread?.hear(told);
    this.recorded?.hear(told);
    if (told.type === "hello") void this.#line?.verify(); // the vault was away, or we were
    if (told.type === "call.leg_ended") this.#line?.legEnded(told.data.leg_id, told.data.reason);
  }

  /** Whoever is seen once during a call was: what is kept of it holds their picture. @param {import("./own.js").OwnState} state */
  #ownChanged(state) {
    const isSeen = state.cameraOn && Boolean(state.stream?.getVideoTracks().length);
    this.#update(this.model.state === "live" && isSeen ? { ...state, video: true } : state);
  }

  /** @param {import("./room.js").Party} party */
  #meet(party) {
    this.#update({ party });
    this.#loudspeaker.play(party.others);
  }

  #restored() {
    this.#events?.refresh();
    this.#room?.restore();
  }

  /** @param {string} reason as the vault gives it */
  #over(reason) {
    if (UNWISHED.includes(reason)) this.#lost();
    else this.#end("other");
  }

  #lost() {
    if (this.model.state === "live") this.#finish("failed", "connection_lost");
  }

  /** @param {"visitor" | "other"} endedBy */
  #end(endedBy) {
    if (this.model.state !== "live") return;
    this.#update({ endedBy });
    this.#finish("ended", null);
  }

  /**
   * @param {"ended" | "failed"} state
   * @param {string | null} failure
   */
  #finish(state, failure) {
    const { startedAt } = this.model;
    this.#stop();
    const lastedMs = startedAt === null ? 0 : Date.now() - startedAt;
    this.#update({ stream: null, sharing: "off", deciding: false, lastedMs, failure, state: move(this.model.state, state) });
  }

  /** Lets go of everything. The order matters: the camera's light must not outlive the decision. */
  #stop() {
    this.own.close();
    this.#share.close();
    this.#attempt.abort();
    this.#loudspeaker.close();
    this.#events?.close();
    this.#room?.close();
    this.thread?.close();
    void this.#line?.close();
    this.#events = this.#room = this.#line = this.thread = this.recorded = null;
  }

  /**
   * Runs a step of this attempt. What fails after the visitor left is nobody's business any more.
   * @param {(signal: AbortSignal) => Promise<void>} step
   */
  async #try(step) {
    const { signal } = this.#attempt;
    try {
      await step(signal);
    } catch (error) {
      if (signal.aborted) return;
      const code = error instanceof CallFailure ? error.code : "unexpected";
      if (this.model.state === "permission" && DEVICE_FAILURES.includes(code)) {
        this.#update({ deviceFailure: code });
      } else {
        this.#finish("failed", code);
      }
      if (code === "unexpected") throw error;
    }
  }

  /** @param {Partial<Model>} change */
  #update(change) {
    this.model = { ...this.model, ...change };
    this.#changed(this.model);
  }
}
