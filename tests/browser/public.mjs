// The build for a public host, with a stand-in for Pyodide's own distribution: node public.mjs '{"site", "pyodide", …}'
// The stand-in holds what the self-hosted build holds, but for what Pyodide's own lacks. Prints what was asked of which host, as JSON.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { foreign, visitor } from "./chromium.mjs";
import * as notebook from "./notebook.mjs";
import { serve } from "./serve.mjs";

const { site, pyodide, path, name, right } = JSON.parse(process.argv[2]);
const server = await serve(site, "/course/");
const { context, close } = await visitor({ serviceWorkers: "block" }); // what they fetch, nobody could answer for
const asked = [];
const headers = { "Access-Control-Allow-Origin": "*" };

function answer(route) {
  const url = route.request().url();
  asked.push(url);
  const file = join(pyodide, url.split("/").at(-1));
  if (!existsSync(file)) return route.abort();
  if (!file.endsWith("pyodide-lock.json")) return route.fulfill({ path: file, headers });
  const lock = JSON.parse(readFileSync(file, "utf8"));
  for (const lacking of ["comm", "ipykernel", "piplite", "pyodide-kernel"]) delete lock.packages[lacking];
  return route.fulfill({ json: lock, headers });
}

await context.route((url) => url.hostname !== "127.0.0.1", answer);
const page = await context.newPage();
await page.goto(`${server.url}lite/notebooks/index.html?path=${path}`);
await notebook.opened(page);
await notebook.imports(page);
await notebook.answer(page, name, right);
const verdict = await notebook.verdict(page, name, "✓");
await page.reload(); // without a service worker no file lies beside the notebook, and progress has to be there all the same
await notebook.opened(page);
await notebook.type(page, notebook.cellWith(page, "from utils import"), "from utils import progress\nprogress()");
const progress = await notebook.output(page, "import progress", "to go");
await close();
server.close();
console.log(JSON.stringify({ verdict, progress, asked: foreign(asked) }));
