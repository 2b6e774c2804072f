// Run tests/browser/prove.py inside Pyodide, without a browser: node prove.mjs PYODIDE_FOLDER COURSE_WHEEL COURSE_ROOT NOTEBOOKS
// Prints one JSON object: what prove.py returns.
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, wheel, root, notebooks] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: folder, stdout: console.error, packages: ["numpy", pathToFileURL(wheel).href] });
for (const [name, from] of [["solutions", join(root, "solutions")], ["notebooks", notebooks]]) {
  pyodide.FS.mkdirTree(`/course/${name}`);
  for (const file of readdirSync(from).filter((file) => /\d\d_.*\.(py|ipynb)$/.test(file)))
    pyodide.FS.writeFile(`/course/${name}/${file}`, readFileSync(join(from, file)));
}
console.log(pyodide.runPython(readFileSync(new URL("prove.py", import.meta.url), "utf8")));
process.exit(0); // Pyodide's own timers would keep node waiting
