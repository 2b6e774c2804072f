// The page of practice, and the log and notebooks taken from one browser to another: node practice.mjs '{"site", "archive",
// "bad": […], "out", "path", "words"}'. Prints what was seen, as JSON.
import { visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";
import { serve } from "./serve.mjs";

const { site, archive, bad, out, path, words } = JSON.parse(process.argv[2]);
const server = await serve(site, "/course/");

async function arrived() {
  const guest = await visitor({ viewport: { width: 1280, height: 900 } });
  const page = await guest.context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${server.url}practice.html`, { waitUntil: "networkidle" });
  return { ...guest, page, errors };
}

const shown = async (page) => (await page.locator(".course-practice").innerText()).replaceAll(/\s+/g, " ");

// What the page says of an export or an import, once it is done: until then it says "…".
async function said(page, work) {
  await page.evaluate(() => { document.querySelector(".course-transfer [role=status]").textContent = ""; });
  await work();
  await page.waitForFunction(() => document.querySelector(".course-transfer [role=status]").textContent.length > 1);
  return page.locator(".course-transfer [role=status]").innerText();
}

const imported = (page, file) => said(page, () => page.setInputFiles(".course-transfer input", file));

async function exported(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(".course-transfer .export")]);
  await download.saveAs(out);
  return page.locator(".course-transfer [role=status]").innerText();
}

const one = await arrived();
const empty = { text: await shown(one.page), databases: await one.page.evaluate(async () => (await indexedDB.databases()).length) };
empty.exported = await said(one.page, () => one.page.click(".course-transfer .export"));
const refused = [];
for (const file of bad) refused.push(await imported(one.page, file));
const untouched = await one.page.evaluate(async () => (await indexedDB.databases()).length);
const first = await imported(one.page, archive);
const text = await shown(one.page);
const again = await imported(one.page, archive);
await one.page.goto(`${server.url}lite/notebooks/index.html?path=${path}`); // JupyterLite takes the file for its own
await notebook.opened(one.page);
const cell = await notebook.shown(one.page, words);
await notebook.type(one.page, notebook.cellWith(one.page, words), "changed = True");
await notebook.saved(one.page, path, "changed = True");
await one.page.goto(`${server.url}practice.html`, { waitUntil: "networkidle" });
const beside = await imported(one.page, archive);
const gone = await exported(one.page);
await one.close();

const two = await arrived();
const taken = await imported(two.page, out);
const same = (await shown(two.page)) === text;
await two.close();
server.close();
console.log(JSON.stringify({ empty, refused, untouched, first, text, again, cell, beside, gone, taken, same, errors: [...one.errors, ...two.errors] }));
