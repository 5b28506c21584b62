// @ts-check
/** Whether a text is an age public key: so that a character that got lost is told before anything is sealed to it. */

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"; // BIP 173
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const PREFIX = "age";
const CHARS = 58; // 32 bytes in groups of five bits, and six of checksum

/** The checksum's remainder over groups of five bits. @param {number[]} groups */
function remainder(groups) {
  let sum = 1;
  for (const group of groups) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ group;
    GENERATOR.forEach((value, bit) => {
      if ((top >>> bit) & 1) sum ^= value;
    });
  }
  return sum;
}

/**
 * What is wrong with it: nothing, it is the secret half, or it is no such key.
 * @param {string} text
 * @returns {"" | "secret" | "wrong"}
 */
export function keyFault(text) {
  if (/^age-secret-key-/i.test(text)) return "secret";
  const letters = text.startsWith(`${PREFIX}1`) ? [...text.slice(PREFIX.length + 1)] : [];
  const groups = letters.map((letter) => ALPHABET.indexOf(letter));
  if (groups.length !== CHARS || groups.includes(-1)) return "wrong";
  const codes = [...PREFIX].map((letter) => letter.charCodeAt(0));
  const name = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  return remainder([...name, ...groups]) === 1 ? "" : "wrong";
}
