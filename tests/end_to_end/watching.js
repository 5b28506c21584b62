// Run in a page before its own scripts: counts the pictures one element shows, and records what it plays.
(() => {
  let stop = null;

  /** Records the sound of an element until the returned function is called; that gives it in base64. */
  const record = (element) => {
    const [track] = element?.srcObject?.getAudioTracks() ?? [];
    if (track?.readyState !== "live") return async () => ""; // its connection is being made anew
    const recorder = new MediaRecorder(new MediaStream([track]), { mimeType: "audio/webm" });
    const pieces = [];
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    const stopped = new Promise((done) => (recorder.onstop = done)); // also by itself, with its track
    recorder.start(500);
    return async () => {
      if (recorder.state !== "inactive") recorder.stop();
      await stopped;
      const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
      let text = "";
      for (const byte of bytes) text += String.fromCharCode(byte);
      return btoa(text);
    };
  };

  globalThis.soundOf = async (find, ms) => {
    const finish = record(find());
    await new Promise((later) => setTimeout(later, ms));
    return finish();
  };

  globalThis.watchElement = (find) => {
    const video = find();
    const seen = { frames: 0, longestGapMs: 0 };
    const startedAt = performance.now();
    if (!video) {
      const nothing = () => ({ ...seen, lastedMs: performance.now() - startedAt, sound: "" });
      stop = async () => nothing(); // the other is not shown just now
      return;
    }
    let lastAt = startedAt;
    const gap = () => (seen.longestGapMs = Math.max(seen.longestGapMs, performance.now() - lastAt));
    const tick = () => {
      gap();
      seen.frames += 1;
      lastAt = performance.now();
      handle = video.requestVideoFrameCallback(tick);
    };
    let handle = video.requestVideoFrameCallback(tick);
    const finish = record(video);
    stop = async () => {
      gap();
      video.cancelVideoFrameCallback(handle);
      return { ...seen, lastedMs: performance.now() - startedAt, sound: await finish() };
    };
  };

  globalThis.watched = () => stop();
})();
