// Run in a page before its own scripts: a camera whose picture is known.
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
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async ({ audio, video }) => {
    const stream = audio ? await open({ audio }) : new MediaStream();
    if (video) stream.addTrack(camera());
    return stream;
  };
})();
