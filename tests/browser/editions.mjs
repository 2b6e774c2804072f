// A learner's edit meets a new version of the course: node editions.mjs '{"before", "after", "stem", "name"}'
// Prints what was seen, as JSON. Needs no kernel.
import { visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";
import { serve } from "./serve.mjs";

const { before, after, stem, name } = JSON.parse(process.argv[2]);
const server = await serve(before);
const { context, close } = await visitor({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
page.on("dialog", (dialog) => dialog.accept());

async function bookPage() {
  await page.goto(`${server.url}questions/${stem}.html`);
  await page.waitForSelector(".course-copies a");
  return (await page.locator(".course-copies p").allInnerTexts()).sort();
}

async function edit(words) {
  await notebook.opened(page);
  const text = `def ${name}():\n    return "${words}"`;
  await notebook.answer(page, name, text);
  await notebook.saved(page, notebook.path(page), words);
  return notebook.path(page);
}

async function open(link) {
  await page.click(link);
  await notebook.opened(page);
  const note = await page.locator(".jp-MarkdownCell", { hasText: "Edition" }).first().innerText();
  return { note, cell: await notebook.shown(page, `def ${name}(`), path: notebook.path(page) };
}

await page.goto(`${server.url}questions/${stem}.html`);
await page.click("a.course-open");
const old = await edit("written in the old edition");
server.root = after;
const told = await bookPage();
const fresh = await open("a.course-open");
await edit("written in the new edition");
const toldOfBoth = await bookPage();
const earlier = await open(`.course-copies a[href*="${old}"]`);
await page.locator(".lm-MenuBar-item", { hasText: "File" }).click(); // as the notebook's note on its edition says
const [tree] = await Promise.all([context.waitForEvent("page"), page.getByText("Open…", { exact: true }).click()]);
await tree.waitForSelector(".jp-DirListing-item");
const files = (await tree.locator(".jp-DirListing-itemName").allInnerTexts()).filter((file) => file.startsWith(stem));
await close();
server.close();
console.log(JSON.stringify({ old, told, fresh, toldOfBoth, earlier, files }));
