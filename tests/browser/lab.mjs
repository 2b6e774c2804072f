// A newcomer's first minutes in JupyterLab, as `course learn` starts it: node lab.mjs '{"url", "shots"?, "wrong", "right"}'
// Prints as JSON what was seen, the seconds of each step, and every warning of the browser's console.
import { visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";

const { url, shots, wrong, right, name, stem, next } = JSON.parse(process.argv[2]);
const { context, close } = await visitor({ viewport: { width: 1400, height: 1000 } });
const page = await context.newPage();
const told = [], seconds = {}, seen = {};
page.on("console", (message) => ["warning", "error"].includes(message.type()) && told.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => told.push(`exception: ${error.message}`));

const ACTIVE = ".jp-NotebookPanel:not(.lm-mod-hidden)";
const active = (words) => page.locator(`${ACTIVE} .jp-Cell`, { hasText: words }).first();
let last = Date.now();
async function step(name, action) {
  seen[name] = (await action()) ?? true;
  seconds[name] = (Date.now() - last) / 1000;
  if (shots) await page.screenshot({ path: `${shots}/${Object.keys(seen).length.toString().padStart(2, "0")}_${name.replaceAll(" ", "_")}.png` });
  last = Date.now();
}

// A notebook's cells move while others above them are drawn: a click that found none still is tried again.
async function click(target, tries = 4) {
  try {
    await target.scrollIntoViewIfNeeded({ timeout: 20_000 });
    await target.click({ timeout: 20_000 });
  } catch (error) {
    if (!tries) throw error;
    await click(target, tries - 1);
  }
}

const opened = (words) => page.locator(`${ACTIVE} .jp-RenderedHTMLCommon`, { hasText: words }).first().waitFor();
const idle = () => page.locator(`${ACTIVE} .jp-Notebook-ExecutionIndicator[data-status="idle"]`).first().waitFor();
async function run(mark, words) {
  const cell = page.locator(`${ACTIVE} .jp-CodeCell`, { hasText: mark }).first();
  await click(cell.locator(".cm-content"));
  await page.keyboard.press("Shift+Enter");
  if (!words) return idle();
  const output = cell.locator(".jp-OutputArea-output", { hasText: words }).first();
  await output.waitFor();
  await cell.scrollIntoViewIfNeeded();
  return (await output.innerText()).replaceAll(/\s+/g, " ").trim();
}
async function type(mark, text) {
  const cell = page.locator(`${ACTIVE} .jp-CodeCell`, { hasText: mark }).first();
  await click(cell.locator(".cm-content"));
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Shift+Enter");
}

await step("start page", async () => {
  await page.goto(url);
  await opened("Which question first?");
  return page.locator(".jp-Dialog").count();
});
await step("names in the side bar", () => page.locator(".jp-DirListing-itemText").evaluateAll((names) =>
  names.map((name) => ({ text: name.innerText, cut: name.scrollWidth > name.clientWidth }))));
await step("question opened", async () => {
  await click(page.locator(`${ACTIVE} a`, { hasText: `${stem.slice(0, 2)} ` }).first());
  await opened("Your turn");
});
await step("imports", () => run("from utils import"));
await step("wrong answer", async () => { await type(`def ${name}(`, wrong); return run(`check(${name})`, "✗"); });
await step("right answer", async () => { await type(`def ${name}(`, right); return run(`check(${name})`, "✓"); });
await step("code that scrolls sideways", () => page.locator(`${ACTIVE} .jp-CodeCell .cm-scroller`).evaluateAll((cells) =>
  cells.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length));
await step("solution", async () => {
  await type("from utils import", `from utils import check, hint, solution\nsolution(${name})`);
  await active("from utils import").locator(".jp-OutputArea-output", { hasText: "Before you look" }).waitFor();
  return run("from utils import", "Explained step by step");
});
await step("solved page", async () => {
  await click(active("from utils import").locator("a", { hasText: "solutions/" }));
  await page.locator(".lm-TabBar-tabLabel", { hasText: stem.slice(0, 12) }).nth(1).waitFor();
  await active("BEGIN SOLUTION").waitFor();
  await idle();
  await click(page.locator(".lm-TabBar-tab", { hasText: stem.slice(0, 12) }).first());
});
await step("the notebook's end leads on", async () => {
  await click(active("Next:").locator("a").first());
  await opened(next);
  await idle();
  return page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel").allInnerTexts();
});
await page.waitForTimeout(3000); // a server takes it ill when its visitor goes while a kernel is being connected
console.log(JSON.stringify({ seen, seconds, told, dialogs: await page.locator(".jp-Dialog").count() }));
await close();
