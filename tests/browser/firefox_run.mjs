/**
 * Drives Debian's Firefox over WebDriver BiDi. A conversation in JSON lines: each line on stdin is one command,
 * each answered by one line on stdout, {"ok": value} or {"error": text}. The end of stdin ends the browser.
 *
 * Commands: open {url}, click {selector, role?}, fill {selector, text}, wait {expression, timeout_ms}, evaluate
 * {expression}, text {selector}, cookies {}, prepare {script}, screenshot {path}, resize {width, height}, faults {}.
 * A selector may cross shadow roots with ">>>": `call-button >>> .call`.
 */
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executablePath, profile, toneHz, devices] = process.argv.slice(2);

const PREFS = {
  // Fake devices, allowed without a question: the fake camera shows changing colours, the microphone a tone.
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.navigator.audio.fake_frequency": Number(toneHz ?? 1000),
  // Two ends on one machine: loopback addresses are candidates, and are told as they are.
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.autoplay.default": 0,
  // Nothing leaves the machine: no updates, captive-portal probes, remote settings or downloads of codecs.
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "app.update.disabledForTesting": true,
  "services.settings.server": "data:,",
  "media.gmp-manager.updateEnabled": false,
  "media.gmp-manager.url": "data:,",
  "datareporting.policy.dataSubmissionEnabled": false,
  "browser.safebrowsing.downloads.remote.enabled": false,
  "extensions.getAddons.cache.enabled": false,
};

// As somebody left them who refused the devices to every page.
const REFUSED = {
  "media.navigator.permission.disabled": false,
  "permissions.default.camera": 2,
  "permissions.default.microphone": 2,
};

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  headless: true,
  userDataDir: profile,
  extraPrefsFirefox: devices === "refused" ? { ...PREFS, ...REFUSED } : PREFS,
  args: ["--width=1280", "--height=800"],
});
const page = await browser.newPage();
const faults = [];
page.on("pageerror", (error) => faults.push(String(error)));

/** Puppeteer's own words for crossing a shadow root. */
const find = (selector) => page.waitForSelector(selector, { timeout: 15_000, visible: true });

const COMMANDS = {
  open: async ({ url }) => void (await page.goto(url, { waitUntil: "load" })),
  click: async ({ selector }) => void (await (await find(selector)).click()),
  fill: async ({ selector, text }) => void (await (await find(selector)).type(text)),
  wait: async ({ expression, timeout_ms }) =>
    void (await page.waitForFunction(`(() => (${expression}))()`, { timeout: timeout_ms, polling: 50 })),
  evaluate: ({ expression }) => page.evaluate(`(async () => (${expression}))()`),
  text: async ({ selector }) => (await find(selector)).evaluate((element) => element.innerText),
  cookies: () => page.cookies(),
  prepare: async ({ script }) => void (await page.evaluateOnNewDocument(script)),
  screenshot: async ({ path }) => void (await page.screenshot({ path })),
  resize: async ({ width, height }) => void (await page.setViewport({ width, height })),
  faults: () => faults,
};

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
answer({ ok: await browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...more } = JSON.parse(line);
  try {
    answer({ ok: (await COMMANDS[command](more)) ?? null });
  } catch (error) {
    answer({ error: `${command}: ${error.message}` });
  }
}
await browser.close();
