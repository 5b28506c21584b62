// Run in a page before its own scripts: counts what one element shows and plays, moment by moment.
globalThis.watchTrack = (find, toneHz) => {
  const SAMPLE_MS = 100;
  const seen = { frames: 0, longestGapMs: 0, samples: 0, inTune: 0, silent: 0, startedAt: performance.now() };
  let video = null;
  let lastAt = performance.now();
  let sound = null;
  const tick = () => {
    const now = performance.now();
    if (lastAt !== null) seen.longestGapMs = Math.max(seen.longestGapMs, now - lastAt);
    seen.frames += 1;
    lastAt = now;
    video?.requestVideoFrameCallback(tick);
  };
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  const bins = new Float32Array(analyser.frequencyBinCount);
  const wanted = Math.round((toneHz * analyser.fftSize) / context.sampleRate);
  const sample = () => {
    const element = find();
    if (element && element !== video) {
      video = element;
      video.requestVideoFrameCallback(tick);
    }
    const track = element?.srcObject?.getAudioTracks()[0];
    if (track && sound?.track !== track) {
      sound?.node.disconnect();
      sound = { track, node: context.createMediaStreamSource(new MediaStream([track])) };
      sound.node.connect(analyser);
    }
    analyser.getFloatFrequencyData(bins);
    let best = 1;
    for (let at = 1; at < bins.length; at += 1) if (bins[at] > bins[best]) best = at;
    seen.samples += 1;
    if (!(bins[best] > -75)) seen.silent += 1;
    else if (Math.abs(best - wanted) <= 2) seen.inTune += 1;
  };
  const timer = setInterval(sample, SAMPLE_MS);
  globalThis.watched = () => {
    clearInterval(timer);
    seen.longestGapMs = Math.max(seen.longestGapMs, performance.now() - lastAt);
    void context.close();
    return { ...seen, lastedMs: performance.now() - seen.startedAt };
  };
  return true;
};
