// Chromium as a visitor's, driven by playwright-core; every name but 127.0.0.1 leads nowhere, and all requests are noted.
import { readFileSync, rmSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = createRequire(join(process.env.COURSE_NODE_MODULES, "x"))("playwright-core");

// A profile of its own, which lasts as long as the visitor.
export async function visitor(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "course-browser-"));
  const netLog = join(profile, "net-log.json");
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.COURSE_CHROMIUM,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", `--log-net-log=${netLog}`,
    ],
    ...options,
  });
  const asked = [];
  context.on("request", (request) => asked.push(request.url()));
  context.setDefaultTimeout(90_000);
  const close = async () => {
    await context.close();
    const log = readNetLog(netLog);
    rmSync(profile, { recursive: true, force: true });
    return log;
  };
  return { context, asked, close };
}

// Addresses asked for by pages, workers and service workers. Chromium's own errands (updates, sign-in) have no initiator.
function readNetLog(path) {
  const log = JSON.parse(readFileSync(path, "utf8").replace(/,\s*$/, "]}"));
  const starts = log.events.filter((event) => event.params?.url && event.params?.initiator);
  return starts.filter((event) => event.params.initiator !== "not an origin").map((event) => event.params.url);
}

export const foreign = (urls) => [...new Set(urls.filter((url) => /^(https?|wss?):/.test(url) && new URL(url).hostname !== "127.0.0.1"))];
