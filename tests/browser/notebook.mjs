// What a learner does in JupyterLite: open a notebook, run its imports, type an answer, read the verdict.

const VIEW = ".jp-Notebook .jp-CodeCell";

// Every cell of a notebook is in the page, whether it is on the screen or not.
export const cellWith = (page, mark) => page.locator(VIEW, { hasText: mark }).first();

export const opened = (page) => page.waitForSelector(VIEW);

export async function run(page, cell) {
  await cell.locator(".cm-content").click();
  await page.keyboard.press("Shift+Enter");
}

// Replace a cell's text as by keyboard, but at once: the editor would indent what is typed line by line.
export async function type(page, cell, text) {
  await cell.locator(".cm-content").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
  await page.keyboard.press("Shift+Enter");
}

export const imports = (page) => run(page, cellWith(page, "from utils import"));
export const answer = (page, name, text) => type(page, cellWith(page, `def ${name}(`), text);

// The output of a cell, once it has the words.
export async function output(page, mark, words) {
  const found = cellWith(page, mark).locator(".jp-OutputArea-output", { hasText: words }).first();
  await found.waitFor();
  return (await found.innerText()).replaceAll(/\s+/g, " ").trim();
}

export async function verdict(page, name, words) {
  await run(page, cellWith(page, `check(${name})`));
  return output(page, `check(${name})`, words);
}

// Until JupyterLite's own autosave has put the words into the browser's storage. The page says so nowhere.
export async function saved(page, path, words) {
  for (const end = Date.now() + 60_000; Date.now() < end; await page.waitForTimeout(250))
    if ((await page.evaluate(stored, path)).includes(words)) return;
  throw new Error(`${path} was not saved with ${words}`);
}

// In the page: what the browser's storage holds under a path, as text.
async function stored(path) {
  const found = (await indexedDB.databases()).find(({ name }) => name.startsWith("JupyterLite Storage"));
  if (!found) return "";
  const database = await new Promise((resolve) => {
    const request = indexedDB.open(found.name);
    request.onsuccess = () => resolve(request.result);
  });
  const text = await new Promise((resolve) => {
    const request = database.transaction("files").objectStore("files").get(path);
    request.onsuccess = () => resolve(JSON.stringify(request.result ?? ""));
  });
  database.close();
  return text;
}

// Text and outputs of the cells that have a mark, as they stand in the page.
export const shown = async (page, mark) => (await cellWith(page, mark).textContent()).replaceAll(/\s+/g, " ");

// The path of the notebook that the page has open.
export const path = (page) => new URL(page.url()).searchParams.get("path");
