// What a first visit costs: node bench.mjs '{"site", "path", "name", "right"}'. Prints seconds and bytes as JSON.
import { visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";
import { serve } from "./serve.mjs";

const { site, path, name, right } = JSON.parse(process.argv[2]);
const server = await serve(site);
const { context, close } = await visitor({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
const seconds = {};

async function timed(what, work) {
  const start = performance.now();
  await work();
  seconds[what] = (performance.now() - start) / 1000;
}

async function visit() {
  await page.goto(`${server.url}lite/notebooks/index.html?path=${path}`);
  await notebook.opened(page);
  await notebook.imports(page);
  await notebook.answer(page, name, right);
  await notebook.verdict(page, name, "✓");
}

await timed("first", visit);
const bytes = server.counted.bytes;
const files = [...server.counted.files].sort((a, b) => b[1] - a[1]).slice(0, 5).map(([file, size]) => [file.split("/").at(-1), size]);
const cell = notebook.cellWith(page, `check(${name})`);
const warm = [];
for (let i = 0; i < 5; i++) { // from the key press to the new execution's number
  const before = await cell.locator(".jp-InputPrompt").innerText();
  await cell.locator(".cm-content").click();
  const start = performance.now();
  await page.keyboard.press("Shift+Enter");
  await page.waitForFunction(([element, before]) => /\d/.test(element.innerText) && element.innerText !== before, [await cell.locator(".jp-InputPrompt").elementHandle(), before], { polling: 5 });
  warm.push((performance.now() - start) / 1000);
}
seconds.warm = warm.sort((a, b) => a - b)[2];
await notebook.saved(page, path, "✓");
await timed("second", visit);
await close();
server.close();
console.log(JSON.stringify({ seconds, bytes, files }));
