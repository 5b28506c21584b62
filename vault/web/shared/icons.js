// @ts-check
/** Icons of the console, drawn on a 24 by 24 grid, stroke only: they take the colour of the text beside them. */

const ICONS = Object.freeze({
  phone:
    "M5 4h3.2l1.6 4.2-2 1.5a12 12 0 0 0 6.5 6.5l1.5-2 4.2 1.6V19a1.8 1.8 0 0 1-2 1.8A16 16 0 0 1 3.2 6 1.8 1.8 0 0 1 5 4Z",
  hangUp: "M3 14.5c-.6-2.2 3.9-5 9-5s9.6 2.8 9 5l-.5 1.8-4.5-.8-.5-2.5c-2.2-.8-4.8-.8-7 0l-.5 2.5-4.5.8Z",
  mic: "M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3ZM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  micOff:
    "M9 9v2.5a3 3 0 0 0 4.7 2.5M15 11V6.5a3 3 0 0 0-5.8-1M5.5 11a6.5 6.5 0 0 0 10.3 5.3M18.5 11a6.4 6.4 0 0 1-.7 3M12 17.5V21M4 4l16 16",
  camera: "M3.5 7.5h11v9h-11ZM14.5 11l6-3.5v9l-6-3.5Z",
  cameraOff: "M7.5 7.5h7v6M14.5 11l6-3.5v9L17 14.5M12.5 16.5h-9v-9M4 4l16 16",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6",
  devices: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  screen: "M3.5 5h17v11h-17ZM8.5 20h7M12 16v4M12 13.2V8.5M9.5 10.7 12 8.2l2.5 2.5",
  screenOff: "M3.5 5h17v11h-17ZM8.5 20h7M12 16v4M9.5 8.2l5 4.6M14.5 8.2l-5 4.6",
  handOver: "M3.5 8h13M12.5 4l4 4-4 4M20.5 16h-13M11.5 12l-4 4 4 4",
  addPerson: "M9.5 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM2.5 20.5c.8-4 3.6-6 7-6s6.2 2 7 6M19 7v6M16 10h6",
  bell: "M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5ZM10 20.5h4",
  warning: "M12 4 2.8 20h18.4ZM12 10v4.5M12 17.2v.1",
  done: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17ZM8 12.3l2.8 2.7L16 9.5",
  flip: "M4 11a8 8 0 0 1 13.7-5L20 8.3M20 4v4.3h-4.3M20 13a8 8 0 0 1-13.7 5L4 15.7M4 20v-4.3h4.3",
  pip: "M3.5 5h17v14h-17ZM12 12h6v4.5h-6Z",
  sliders: "M4 8h6.5M15.5 8H20M4 16h3.5M12.5 16H20M13 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5ZM10 13.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z",
  page: "M4 5h16v14H4ZM7 9.5h10M7 13h6",
  start: "M7 4.5v15l12.5-7.5Z",
  pause: "M8 5v14M16 5v14",
  sound: "M4 9.5h3.5L12 5.5v13l-4.5-4H4ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  soundOff: "M4 9.5h3.5L12 5.5v13l-4.5-4H4ZM16 9.5l5 5M21 9.5l-5 5",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
});

/** @typedef {keyof typeof ICONS} IconName */

const SVG = "http://www.w3.org/2000/svg";

/**
 * A decoration: the words beside it carry the meaning.
 * @param {IconName} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
