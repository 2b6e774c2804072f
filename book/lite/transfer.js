// Export and import of the log and the notebooks that this browser keeps, in the file of `course log export FILE.zip`:
// <div class="course-transfer" data-lite="lite/notebooks/index.html"></div>
(() => {
  "use strict";

  const LOG = "progress.jsonl", WORK = /^work\/([^/\\]+\.ipynb)$/;

  const exported = async (lite) => {
    const lines = (await window.course.log.entries()).map((entry) => `${JSON.stringify(entry)}\n`);
    const files = (await window.course.notebooks.files(lite)).filter(({ content }) => content);
    const work = files.map(({ path, content }) => [`work/${path}`, JSON.stringify(content, null, 1)]);
    return { entries: lines.length, notebooks: work.length, blob: window.course.zip.write({ [LOG]: lines.join(""), ...Object.fromEntries(work) }) };
  };

  const parsed = (line) => {
    try {
      return JSON.parse(line);
    } catch {
      return null; // torn by a crash, as in any log
    }
  };

  const entriesOf = (text) => text.split("\n").map(parsed).filter((entry) => entry && typeof entry === "object" && !Array.isArray(entry));

  // What a file brings: a zip of log and notebooks, or a log alone. An Error in plain words for anything else.
  const brought = async (file) => {
    const zipped = (await file.slice(0, 2).text()) === "PK";
    const files = zipped ? await window.course.zip.read(file, (name) => name === LOG || WORK.test(name)) : { [LOG]: await file.text() };
    const entries = entriesOf(files[LOG] ?? "").filter(({ time }) => typeof time === "string");
    const notebooks = {};
    for (const [name, text] of Object.entries(files)) {
      const [, path] = name.match(WORK) ?? [], content = path && parsed(text);
      if (path && !(content?.nbformat === 4 && Array.isArray(content.cells))) throw new Error(`${name} in it is no notebook`);
      if (path) notebooks[path] = content;
    }
    if (!entries.length && !Object.keys(notebooks).length) throw new Error("there is neither a log of this course nor a notebook in it");
    return { entries, notebooks };
  };

  const failing = (work, words) => work.catch((error) => { throw new Error(`${words}: ${error.message}.`); });

  const stored = async ({ entries, notebooks }, lite) => {
    const names = Object.keys(notebooks).length ? await window.course.notebooks.add(lite, notebooks) : [];
    return { names, added: await window.course.log.merge(entries) };
  };

  const imported = async (file, lite) => { // all of it is read before anything is written
    const found = await failing(brought(file), "Nothing was changed");
    return failing(stored(found, lite), "The browser could not store all of it. What you had is unchanged, and an import can be repeated");
  };

  const counted = (number, noun, nouns = `${noun}s`) => `${number} ${number === 1 ? noun : nouns}`;

  const download = (blob) => {
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(blob), download: `vision-interviews-${new Date().toISOString().slice(0, 10)}.zip`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  const save = async (lite) => {
    const { entries, notebooks, blob } = await exported(lite);
    if (!entries && !notebooks) return "This browser has nothing to export yet.";
    download(blob);
    return `${counted(entries, "entry", "entries")} of the log and ${counted(notebooks, "notebook")} went into the file.`;
  };

  const load = async (file, lite) => {
    const { names, added } = await imported(file, lite);
    const new_ = `${counted(added, "new entry", "new entries")} in the log, ${counted(names.length, "new notebook")}`;
    return `${new_}${names.length ? `: ${names.join(", ")}` : ""}. What you had is unchanged.`;
  };

  const build = (element) => {
    const { lite } = element.dataset;
    element.innerHTML = `<p><button type="button">Export to a file</button>
      <label>Import a file <input type="file" accept=".zip,.jsonl"></label></p><p role="status"></p>`;
    const [status, picker] = [element.querySelector("[role=status]"), element.querySelector("input")];
    const told = async (work) => {
      status.textContent = "…";
      status.textContent = await work.catch((error) => error.message);
      window.dispatchEvent(new Event("course-log"));
    };
    element.querySelector("button").addEventListener("click", () => told(save(lite)));
    picker.addEventListener("change", async () => {
      if (picker.files.length) await told(load(picker.files[0], lite));
      picker.value = "";
    });
  };

  window.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".course-transfer").forEach(build));
})();
