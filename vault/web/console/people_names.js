// @ts-check
/** Who it was: the names of people whose ids the vault tells, each asked for once. */

import { api } from "./api.js";
import { t } from "./words.js";

/** @type {Map<string, Promise<string>>} */
const known = new Map();

/** The name of whoever did something. @param {string} id @returns {Promise<string>} */
export function nameOf(id) {
  if (!id.startsWith("per_")) return Promise.resolve(t("people.operator"));
  const found = known.get(id);
  if (found) return found;
  const asked = api("GET", `/v1/people/${id}`).then(
    ({ body }) => body.name,
    () => t("people.unknown"),
  );
  known.set(id, asked);
  return asked;
}

/** Whoever may answer for a hold: those who may read holds. @returns {Promise<{id: string, name: string}[]>} */
export async function owners() {
  const roles = ["auditor", "admin", "supervisor"];
  const lists = await Promise.all(roles.map((role) => api("GET", `/v1/people?role=${role}&limit=200`)));
  const people = lists.flatMap(({ body }) => body.items);
  return people.filter((one) => !one.disabled_at).map(({ id, name }) => ({ id, name }));
}
