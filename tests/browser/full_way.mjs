// From the book's page to a right answer, for some questions: node full_way.mjs '{"site", "prefix", "ways": […]}'
// Each way is {stem, name, wrong, right, mistake}. Prints what was seen, as JSON.
import { foreign, visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";
import { serve } from "./serve.mjs";

const { site, prefix, ways } = JSON.parse(process.argv[2]);
const server = await serve(site, prefix);
const { context, asked, close } = await visitor({ viewport: { width: 1280, height: 900 } });
const databases = (page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

// What the book's page says of the learner's copies, and how it marks the exercise, once it does if `later`.
async function bookPage(page, { stem, name }, later) {
  await page.goto(`${server.url}questions/${stem}.html`, { waitUntil: "networkidle" });
  const mark = page.locator(`[data-exercise="${name}"]`).first();
  if (later) await Promise.all([page.waitForSelector(`[data-exercise="${name}"][data-state]`), page.waitForSelector(".course-copies a")]);
  const copies = (await page.locator(".course-copies").innerText()).trim();
  return { copies, state: (await mark.getAttribute("data-state")) ?? "", databases: await databases(page) };
}

async function go(way) {
  const page = await context.newPage();
  const before = await bookPage(page, way, false);
  const start = Date.now();
  await page.click("a.course-open");
  await notebook.opened(page);
  await notebook.imports(page);
  await notebook.answer(page, way.name, way.wrong);
  const wrong = await notebook.verdict(page, way.name, "Your mistake");
  const seconds = { "first verdict": (Date.now() - start) / 1000 };
  const again = Date.now();
  await notebook.answer(page, way.name, way.right);
  const right = await notebook.verdict(page, way.name, "✓");
  seconds["right answer"] = (Date.now() - again) / 1000;
  const path = notebook.path(page);
  await notebook.saved(page, path, `✓ ${way.name} · right`);
  await page.reload();
  await notebook.opened(page);
  const reloaded = `${await notebook.shown(page, `def ${way.name}(`)} ${await notebook.shown(page, `check(${way.name})`)}`;
  const edition = await page.locator(".jp-MarkdownCell", { hasText: "Edition" }).first().innerText();
  const after = await bookPage(page, way, true);
  await page.close();
  return { before, wrong, right, reloaded, edition, after, path, seconds };
}

// A new kernel, in another notebook, knows what was tried.
async function progress(path) {
  const page = await context.newPage();
  await page.goto(`${server.url}lite/notebooks/index.html?path=${path}`);
  await notebook.opened(page);
  await notebook.type(page, notebook.cellWith(page, "from utils import"), "from utils import progress\nprogress()");
  const text = await notebook.output(page, "import progress", "to go");
  await page.close();
  return text;
}

const seen = [];
for (const way of ways) seen.push(await go(way));
const later = await progress(seen[0].path);
const log = await close();
server.close();
console.log(JSON.stringify({ seen, progress: later, foreign: { asked: foreign(asked), log: foreign(log) }, logged: log.length }));
