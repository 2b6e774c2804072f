// The page's own replay and zip, without a browser: node replay.mjs FOLDER_OF_SCRIPTS < '{"facts", "logs": [[entry…]…], "zip": path,
// "text"}'. Prints for each log what its exercises came to, and what zip.js reads of the zip and of its own.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import vm from "node:vm";

const [folder] = process.argv.slice(2);
globalThis.window = globalThis;
for (const script of ["replay.js", "zip.js"]) vm.runInThisContext(readFileSync(join(folder, script), "utf8"), script);
const { facts, logs, zip, text } = JSON.parse(readFileSync(0, "utf8"));

function told(entries) {
  const { exercises, days } = course.replay(entries, facts);
  const known = [...exercises].map(([name, one]) => [name, {
    right: one.right, wrong: one.wrong, reviews: one.reviews.map(({ day, rating, why }) => [day, rating, why]),
    mistakes: [...one.mistakes].map(([mistake, { times, days }]) => [mistake, times, days.size]).sort(),
    memory: one.reviews.length ? course.memory(one.reviews, facts) : null,
  }]);
  return { exercises: Object.fromEntries(known), days: Object.fromEntries([...days].sort()) };
}

const read = await course.zip.read(new Blob([readFileSync(zip)]), () => true);
writeFileSync(zip, Buffer.from(await course.zip.write({ ...read, more: text }).arrayBuffer()));
console.log(JSON.stringify({ logs: logs.map(told), read }));
