// Export and import of the log and the notebooks that this browser keeps, in the file of `course log export FILE.zip`:
// <div class="course-transfer" data-lite="lite/notebooks/index.html"></div>
(() => {
  "use strict";

  const LOG = "progress.jsonl", WORK = /^work\/((?:[^/\\]+\/)*[^/\\]+\.(ipynb|py|md|txt|csv|json))$/;
  const LEADS_OUT = /(^|\/)\.\.?(\/|$)/;

  const exported = async (lite) => {
    const lines = (await window.course.log.entries()).map((entry) => `${JSON.stringify(entry)}\n`);
    const files = (await window.course.notebooks.files(lite));
    const work = files.map(({ path, content }) => [`work/${path}`, typeof content === "string" ? content : JSON.stringify(content, null, 1)]);
    return { entries: lines.length, files: work.length, blob: window.course.zip.write({ [LOG]: lines.join(""), ...Object.fromEntries(work) }) };
  };

  const parsed = (line) => {
    try {
      return JSON.parse(line);
    } catch {
      return null; // torn by a crash, as in any log
    }
  };

  const entriesOf = (text) => text.split("\n").map(parsed).filter((entry) => entry && typeof entry === "object" && !Array.isArray(entry));

  const notebookIn = (name, text) => {
    const content = parsed(text);
    if (!(content?.nbformat === 4 && Array.isArray(content.cells))) throw new Error(`${name} in it is no notebook`);
    return content;
  };

  // A laptop has a script beside each notebook, with the same cells: the browser has no use for it.
  const isTwin = (name, files) => name.endsWith(".py") && name.replace(/\.py$/, ".ipynb") in files;

  // What a file brings: a zip of log and work, or a log alone. An Error in plain words for anything else.
  const brought = async (file) => {
    const zipped = (await file.slice(0, 2).text()) === "PK";
    const wanted = (name) => name === LOG || (WORK.test(name) && !LEADS_OUT.test(name));
    const found = zipped ? await window.course.zip.read(file, wanted) : { [LOG]: await file.text() };
    const entries = entriesOf(found[LOG] ?? "").filter(({ time }) => typeof time === "string");
    const work = Object.entries(found).filter(([name]) => name !== LOG && !isTwin(name, found));
    const files = Object.fromEntries(work.map(([name, text]) => [name.match(WORK)[1], name.endsWith(".ipynb") ? notebookIn(name, text) : text]));
    if (!entries.length && !work.length) throw new Error("there is neither a log of this course nor a notebook in it");
    return { entries, files };
  };

  const failing = (work, words) => work.catch((error) => { throw new Error(`${words}: ${window.course.words(error)}.`); });

  const stored = async ({ entries, files }, lite) => {
    const names = Object.keys(files).length ? await window.course.notebooks.add(lite, files) : [];
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
    const { entries, files, blob } = await exported(lite);
    if (!entries && !files) return "This browser has nothing to export yet.";
    download(blob);
    return `${counted(entries, "entry", "entries")} of the log and ${counted(files, "file")} of yours went into it.`;
  };

  const load = async (file, lite) => {
    const { names, added } = await imported(file, lite);
    const new_ = `${counted(added, "new entry", "new entries")} in the log, ${counted(names.length, "new file")}`;
    return `${new_}${names.length ? `: ${names.join(", ")}` : ""}. What you had is unchanged.`;
  };

  // Whether the browser keeps all this, and a button that asks it to.
  const promise = async (element, ask) => {
    const [kept, words] = await window.course.lasting(ask);
    element.querySelector("span").textContent = `${words}${kept ? "" : ask ? " It was asked and said no: export your work now and then." : ""}`;
    element.querySelector("button").hidden = kept || ask;
  };

  const build = (element) => {
    const { lite } = element.dataset;
    element.innerHTML = `<p><button type="button" class="export">Export to a file</button>
      <label>Import a file <input type="file" accept=".zip,.jsonl"></label></p><p role="status"></p>
      <p class="course-lasting"><span></span> <button type="button">Ask it to</button></p>`;
    const [status, picker, lasting] = [element.querySelector("[role=status]"), element.querySelector("input"), element.querySelector(".course-lasting")];
    const told = async (work) => {
      status.textContent = "…";
      status.textContent = await work.catch((error) => window.course.words(error));
      window.dispatchEvent(new Event("course-log"));
    };
    element.querySelector(".export").addEventListener("click", () => told(save(lite)));
    picker.addEventListener("change", async () => {
      if (picker.files.length) await told(load(picker.files[0], lite));
      picker.value = "";
    });
    promise(lasting, false).catch(console.warn);
    lasting.querySelector("button").addEventListener("click", () => promise(lasting, true).catch(console.warn));
  };

  window.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".course-transfer").forEach(build));
})();
