// The stores of the log and of the notebooks, in two tabs, under every refusal: node stores.mjs '{"site", "newer"}'.
// The site is a folder with our scripts and a page that loads them. Prints what was seen, as JSON.
import { randomBytes } from "node:crypto";

import { visitor } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const { site, archive, out } = JSON.parse(process.argv[2]);
const server = await serve(site);
const origin = new URL(server.url).origin;
const NAME = "vision-interview-course", LITE = "lite/notebooks/index.html";
const entry = (number) => ({ time: `2026-01-01T00:00:${String(number % 60).padStart(2, "0")}+00:00`, exercise: "conv2d", status: "right", number });
const seen = {};

const { context, close } = await visitor();
const opened = async (page) => {
  page ??= await context.newPage();
  await page.goto(server.url);
  return page;
};
const one = await opened(), two = await opened();
const cdp = await context.newCDPSession(one);

// What became of the page's own calls: a value, or the words for why not.
const asked = (page, work, given) => page.evaluate(async ([work, given]) => {
  try {
    return await new Function("given", `return (async () => (${work})(given))()`)(given);
  } catch (error) {
    return window.course.words(error);
  }
}, [String(work), given]);
const add = (page, ...entries) => asked(page, async (entries) => { await course.log.add(entries); return "added"; }, entries);
const numbers = (page) => asked(page, async () => (await course.log.entries()).map(({ number }) => number ?? null));
const gone = (page) => page.evaluate((name) => new Promise((resolve) => {
  const request = indexedDB.deleteDatabase(name);
  request.onsuccess = () => resolve("gone");
  request.onblocked = () => resolve("a connection was left open");
}), NAME);
// A database as some other version of the course leaves it: its stores with their options and contents.
const made = (page, version, stores) => page.evaluate(([name, version, stores]) => new Promise((resolve, reject) => {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => {
    for (const [store, { options, items }] of Object.entries(stores)) {
      const made = request.result.createObjectStore(store, options);
      for (const item of items) made.add(item);
    }
  };
  request.onsuccess = () => resolve(request.result.close());
  request.onerror = () => reject(request.error);
}), [NAME, version, stores]);
const state = (page) => page.evaluate((name) => new Promise((resolve) => {
  const request = indexedDB.open(name);
  request.onsuccess = () => {
    const base = request.result, found = { version: base.version, stores: {} };
    const transaction = base.transaction([...base.objectStoreNames]);
    for (const store of base.objectStoreNames) transaction.objectStore(store).count().onsuccess = ({ target }) => { found.stores[store] = target.result; };
    transaction.oncomplete = () => { base.close(); resolve(found); };
  };
}), NAME);

// ---- a store of another version -----------------------------------------------------------------------------------

seen.nobody = { entries: await numbers(one), databases: await one.evaluate(async () => (await indexedDB.databases()).length) };
await made(one, 1, { notes: { options: { autoIncrement: true }, items: ["mine"] } });
seen.older = { before: await numbers(one), added: await add(one, entry(1)), after: await numbers(two), state: await state(one) };
await gone(one);
await made(one, 7, {
  attempts: { options: { autoIncrement: true }, items: [entry(1), "a text", { kind: "of tomorrow" }, null] },
  plans: { options: { keyPath: "id" }, items: [{ id: 1 }] },
});
seen.newer = { before: await numbers(one), added: await add(one, entry(2)), after: await numbers(two), state: await state(one) };
await gone(one);
await made(one, 3, { attempts: { options: { keyPath: "id" }, items: [{ id: 1, ...entry(1) }] } });
seen.otherKeys = { before: await numbers(one), added: await add(one, entry(2)), state: await state(one) };
seen.left = await gone(two);

// ---- two tabs -----------------------------------------------------------------------------------------------------

await two.evaluate(() => { window.heard = []; addEventListener("course-log", ({ detail }) => heard.push(detail)); });
await add(one, entry(1));
await two.waitForFunction(() => heard.length);
seen.heard = await two.evaluate(() => heard);
const many = async (page, from) => page.evaluate(async ([from, text]) => {
  const entries = JSON.parse(text);
  await Promise.all(entries.map((entry) => course.log.add([entry])));
}, [from, JSON.stringify(Array.from({ length: 150 }, (_, n) => entry(from + n)))]);
await Promise.all([many(one, 1000), many(two, 2000)]);
seen.both = new Set(await numbers(one)).size;
// Another tab opens a newer version, again and again, while this one reads and writes: neither waits for the other.
const upgrades = two.evaluate(async (name) => {
  for (let version = 2; version < 12; version++)
    await new Promise((resolve, reject) => {
      const request = indexedDB.open(name, version);
      request.onsuccess = () => resolve(request.result.close());
      request.onerror = () => reject(request.error);
    });
  return "upgraded";
}, NAME);
const busy = [];
for (let n = 0; n < 30; n++) busy.push(await add(one, entry(3000 + n)));
seen.upgrades = { upgraded: await upgrades, added: busy.every((text) => text === "added"), numbers: new Set(await numbers(two)).size };
await gone(one);
// A tab that never lets go of a database that lacks the store: said within seconds, and well once it is closed.
await made(one, 1, { notes: { options: {}, items: [] } });
await two.evaluate((name) => new Promise((resolve) => { indexedDB.open(name).onsuccess = ({ target }) => { window.held = target.result; resolve(); }; }), NAME);
const start = Date.now();
seen.blocked = { added: await add(one, entry(1)), seconds: (Date.now() - start) / 1000, entries: await numbers(one) };
await two.evaluate(() => held.close());
seen.blocked.later = await add(one, entry(2));
seen.blocked.after = await numbers(two);
seen.blocked.left = await gone(two);

// ---- what is refused ----------------------------------------------------------------------------------------------

// Chromium remembers for a while how much room a site had, so this is another site, full from its first day.
const small = await serve(site), three = await context.newPage();
await three.goto(small.url);
const filler = randomBytes(3_000_000).toString("hex"); // Chromium packs what it stores
const quota = (more) => cdp.send("Storage.overrideQuotaForOrigin", { origin: new URL(small.url).origin, ...more });
await quota({ quotaSize: 1_000_000 });
await add(three, entry(1));
seen.full = { added: await add(three, { ...entry(2), filler }), entries: await numbers(three) };
await quota({});
seen.full.later = await add(three, { ...entry(2), filler });
seen.full.after = await numbers(three);
small.close();

await add(one, entry(1), entry(2));
await one.evaluate(() => {
  window.honest = IDBObjectStore.prototype.add;
  let number = 0;
  IDBObjectStore.prototype.add = function (value) { const done = honest.call(this, value); if (++number === 2) this.transaction.abort(); return done; };
});
seen.aborted = { added: await add(one, entry(3), entry(4)), entries: await numbers(one) };
await one.evaluate(() => { IDBObjectStore.prototype.add = honest; });
seen.aborted.later = await add(one, entry(3), entry(4));
seen.aborted.after = await numbers(one);

const shut = async (script) => {
  const page = await context.newPage();
  await page.addInitScript(script);
  await opened(page);
  const found = { entries: await numbers(page), added: await add(page, entry(9)), page: await page.locator(".course-practice").innerText() };
  await page.close();
  return found;
};
seen.forbidden = await shut(() => { IDBFactory.prototype.open = () => { throw new DOMException("denied", "SecurityError"); }; });
seen.without = await shut(() => Object.defineProperty(window, "indexedDB", { value: undefined }));

// ---- the promise to keep --------------------------------------------------------------------------------------------

const lasting = () => one.locator(".course-lasting").innerText();
await opened(one);
await one.waitForFunction(() => document.querySelector(".course-lasting span").textContent);
seen.lasting = [await lasting()];
await one.click(".course-lasting button");
await one.waitForFunction(() => document.querySelector(".course-lasting button").hidden);
seen.lasting.push(await lasting());
await cdp.send("Browser.grantPermissions", { origin, permissions: ["durableStorage"] });
await opened(one);
await one.waitForFunction(() => document.querySelector(".course-lasting span").textContent);
if (await one.locator(".course-lasting button").isVisible()) await one.click(".course-lasting button");
await one.waitForFunction(() => document.querySelector(".course-lasting span").textContent.includes("has promised"));
seen.lasting.push(await lasting());

// ---- work that is taken along ---------------------------------------------------------------------------------------

const imported = async (page, file) => {
  await page.evaluate(() => { document.querySelector(".course-transfer [role=status]").textContent = ""; });
  await page.setInputFiles(".course-transfer input", file);
  await page.waitForFunction(() => document.querySelector(".course-transfer [role=status]").textContent.length > 1);
  return page.locator(".course-transfer [role=status]").innerText();
};
await one.evaluate(() => {
  window.honest = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
});
seen.half = await imported(one, archive);
await one.evaluate(() => { IDBObjectStore.prototype.put = honest; });
seen.whole = await imported(one, archive);
seen.again = await imported(one, archive);
seen.stored = await one.evaluate(async (lite) => (await course.all([`JupyterLite Storage - /lite/`, "files"])).map(({ path, type, format }) => [path, type, format]).sort(), LITE);
const [download] = await Promise.all([one.waitForEvent("download"), one.click(".course-transfer .export")]);
await download.saveAs(out);
seen.exported = await one.locator(".course-transfer [role=status]").innerText();

await close();
server.close();
console.log(JSON.stringify(seen));
