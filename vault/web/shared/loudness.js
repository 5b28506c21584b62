// @ts-check
/** How loud it is: to draw a level, to mark who speaks, to notice who speaks into a microphone that is off. */

export const SPEAKING = 0.25; // of the scale of `loudness`: above breathing and a fan
const LISTEN_MS = 150;
const WINDOW = 12; // looks, about two seconds: speech pauses, a door that slams is over sooner
const LOUD_LOOKS = 5;

/**
 * How loud a stream is, 0 to 1, asked when one wants to draw it. Silent where Web Audio is missing.
 * @param {MediaStream} stream
 * @returns {{read: () => number, close: () => void}}
 */
export function loudness(stream) {
  if (typeof AudioContext === "undefined" || !stream.getAudioTracks().length) {
    return { read: () => 0, close: () => undefined };
  }
  const context = new AudioContext();
  // Safari starts one asleep that no press made; while it captures, asking is enough.
  if (context.state === "suspended") void context.resume().catch(() => undefined);
  const analyser = new AnalyserNode(context, { fftSize: 512 });
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const read = () => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // -50 dBFS (a quiet room) to -10 dBFS (speaking close) fill the scale.
    return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 50) / 40));
  };
  return { read, close: () => void context.close() };
}

/**
 * Listen to a microphone that is off, and tell when somebody speaks into it. A copy is listened to: what is sent
 * stays silent.
 * @param {MediaStreamTrack} track
 * @param {() => void} spoke
 * @returns {() => void} ends it
 */
export function overhear(track, spoke) {
  const copy = track.clone();
  copy.enabled = true;
  const level = loudness(new MediaStream([copy]));
  /** @type {boolean[]} */
  let looks = [];
  const timer = setInterval(() => {
    looks = [...looks, level.read() > SPEAKING].slice(-WINDOW);
    if (looks.filter(Boolean).length < LOUD_LOOKS) return;
    looks = [];
    spoke();
  }, LISTEN_MS);
  return () => {
    clearInterval(timer);
    level.close();
    copy.stop();
  };
}
