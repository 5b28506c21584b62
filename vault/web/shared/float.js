// @ts-check
/** A picture in a window of its own, over all others, where the browser has such a thing. */

export const canFloat = () => document.pictureInPictureEnabled === true;

/** Pressed again, it is back in its place. @param {HTMLVideoElement | null} video */
export async function float(video) {
  try {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video?.requestPictureInPicture();
  } catch {
    // No picture yet, or the browser does not want to: the call itself is not touched.
  }
}
