// JupyterLite where the browser refuses to store, and in two tabs: node refused.mjs '{"site", "path", "name", "right"}'.
// Prints what was seen, as JSON.
import { visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";
import { serve } from "./serve.mjs";

const { site, path, name, right } = JSON.parse(process.argv[2]);
const server = await serve(site, "/course/");
const { context, close } = await visitor({ viewport: { width: 1280, height: 900 } });
const seen = {};

async function opened() {
  const page = await context.newPage();
  await page.goto(`${server.url}lite/notebooks/index.html?path=${path}`);
  await notebook.opened(page);
  return page;
}
const said = async (page) => (await page.locator(".course-said").allInnerTexts()).join(" ");
const hears = (page, words) => page.locator(".course-said", { hasText: words }).waitFor();
const unsaid = (page, words) => page.locator(".course-said", { hasText: words }).waitFor({ state: "detached" });
const answer = (words) => `def ${name}():\n    return "${words}"`;

// ---- two tabs ------------------------------------------------------------------------------------------------------

const one = await opened(), two = await opened();
await hears(two, "open in another tab too");
seen.twice = [await said(one), await said(two)];
await one.bringToFront();
await notebook.answer(one, name, answer("written in one"));
await notebook.cellWith(two, "written in one").waitFor();
seen.followed = await notebook.shown(two, `def ${name}(`);
await two.evaluate(() => { jupyterapp.shell.currentWidget.context.model.dirty = true; }); // as while one types
await notebook.answer(one, name, answer("written again"));
const asked = await Promise.any([one, two].map(async (page) => { // whoever is the later to store
  await page.locator(".course-words").waitFor();
  return page;
}));
seen.changed = await asked.locator(".course-words").innerText();
await asked.locator(".jp-Dialog button", { hasText: "Overwrite" }).click();
await two.close();

// ---- a notebook that is not stored -----------------------------------------------------------------------------------

await one.bringToFront();
await one.evaluate(() => {
  window.honest = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
});
await notebook.answer(one, name, answer("written when full"));
await hears(one, "did not store the notebook");
await notebook.answer(one, name, right); // no dialog keeps the learner from it
await one.evaluate(() => { IDBObjectStore.prototype.put = honest; });
await notebook.saved(one, path, right.split("\n").at(-1).trim());
await unsaid(one, "did not store the notebook");

// ---- an attempt that is not stored: in the kernel's worker -------------------------------------------------------------

const numbers = () => one.evaluate(async () => (await course.log.entries()).filter(({ status }) => status).length);
const run = (mark, text) => notebook.type(one, notebook.cellWith(one, mark), text);
await run("from utils import", `import numpy as np
from utils import check
from pyodide.code import run_js
honest = run_js("(() => { const honest = IDBObjectStore.prototype.add; IDBObjectStore.prototype.add = () => { throw new DOMException('full', 'QuotaExceededError'); }; return () => { IDBObjectStore.prototype.add = honest; }; })()")`);
seen.verdicts = [await notebook.verdict(one, name, "✓")];
await hears(one, "Your last attempts are not stored");
seen.verdicts.push(await notebook.verdict(one, name, "Not noted"));
seen.numbers = [await numbers()];
await run("from utils import", "honest()\nimport utils");
await unsaid(one, "Your last attempts are not stored");
seen.numbers.push(await numbers());
seen.said = await said(one);

await close();
server.close();
console.log(JSON.stringify(seen));
