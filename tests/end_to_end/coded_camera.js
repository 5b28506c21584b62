// Run in a page before its own scripts: a camera and a microphone whose picture and tone are known.
// What is shown is put in by fake_devices.camera_script.
(() => {
  if (!navigator.mediaDevices) return;
  const look = LOOK;
  const camera = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [look.width, look.height];
    const context = canvas.getContext("2d");
    let number = 0;
    const draw = () => {
      context.fillStyle = look.left;
      context.fillRect(0, 0, canvas.width / 2, canvas.height);
      context.fillStyle = look.right;
      context.fillRect(canvas.width / 2, 0, canvas.width / 2, canvas.height);
      context.fillStyle = "#000"; // a mark that moves: a picture that stands still is none
      context.fillRect((number * 8) % canvas.width, canvas.height - 16, 16, 16);
      number += 1;
    };
    draw();
    const timer = setInterval(draw, 1000 / look.fps);
    const [track] = canvas.captureStream(look.fps).getVideoTracks();
    track.addEventListener("ended", () => clearInterval(timer));
    return track;
  };
  const microphone = () => {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: look.toneHz });
    const out = context.createMediaStreamDestination();
    tone.connect(new GainNode(context, { gain: 0.4 })).connect(out);
    tone.start();
    void context.resume();
    return out.stream.getAudioTracks()[0];
  };
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const stream = new MediaStream();
    if (audio) stream.addTrack(microphone());
    if (video) stream.addTrack(camera());
    return stream;
  };
})();
