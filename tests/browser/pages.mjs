// Look at pages as a visitor would: node pages.mjs SITE_FOLDER PAGE… prints a JSON list, one record a page and look.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { foreign, visitor } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const [folder, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(join(process.env.COURSE_NODE_MODULES, "x")).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = [
  { theme: "light", width: 1280 }, { theme: "dark", width: 1280 }, { theme: "light", width: 390 },
];
const RULES = { runOnly: ["wcag2a", "wcag2aa"] };

async function look(page, url) {
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(url);
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => window.MathJax?.startup?.promise);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await page.waitForFunction(() => document.getAnimations().every((fading) => fading.playState !== "running"));
  await page.evaluate(axe);
  return page.evaluate(async (rules) => ({
    sideways: document.documentElement.scrollWidth - window.innerWidth,
    formulas: document.querySelectorAll("mjx-container").length,
    unset: document.querySelectorAll("mjx-merror").length + [...document.querySelectorAll(".math")].filter((m) => !m.querySelector("mjx-container")).length,
    without_words: [...document.images].filter((image) => !image.alt || /\.(png|svg)$/.test(image.alt)).map((image) => image.src),
    broken: [...document.images].filter((image) => image.complete && !image.naturalWidth).map((image) => image.src),
    violations: (await window.axe.run(document, rules)).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 4).join(", ")}`),
  }), RULES).then((seen) => ({ ...seen, errors }));
}

async function found(page, url, query) {
  await page.goto(`${url}search.html?q=${encodeURIComponent(query)}`);
  await page.waitForSelector("#search-results .search-summary:not(:empty)");
  await page.waitForTimeout(500);
  return page.locator("#search-results li a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
}

const server = await serve(folder);
const results = { looks: [], found: {} };
const asked = [];
for (const { theme, width } of LOOKS) {
  const guest = await visitor({ colorScheme: theme, viewport: { width, height: 900 } });
  for (const name of pages) {
    const page = await guest.context.newPage();
    results.looks.push({ page: name, theme, width, ...(await look(page, server.url + name)) });
    await page.close();
  }
  if (width === 1280 && theme === "light") {
    const page = await guest.context.newPage();
    for (const query of ["degradation", "动量", "鞍点"]) results.found[query] = await found(page, server.url, query);
  }
  asked.push(...guest.asked, ...(await guest.close()));
}
server.close();
console.log(JSON.stringify({ ...results, foreign: foreign(asked) }));
