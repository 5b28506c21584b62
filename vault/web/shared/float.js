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

/** A picture that is over takes its window along, before it leaves the page. @param {HTMLVideoElement} video */
export function sink(video) {
  const root = /** @type {Document | ShadowRoot} */ (video.getRootNode());
  if (root.pictureInPictureElement === video) document.exitPictureInPicture().catch(() => {});
}
