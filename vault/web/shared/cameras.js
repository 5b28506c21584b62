// @ts-check
/** Which way a camera looks. */

/** Something held in the hand, with more than one camera. @returns {Promise<boolean>} */
export async function hasTwoSides() {
  if (!matchMedia("(pointer: coarse)").matches) return false;
  const found = await navigator.mediaDevices.enumerateDevices();
  return found.filter(({ kind }) => kind === "videoinput").length > 1;
}
