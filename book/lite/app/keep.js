// In JupyterLite's own pages: asks the browser to keep the learner's work, says in words what it refuses, and lets two
// tabs with one notebook agree. utils/publishing/lite.py puts it there, behind store.js and lasting.js.
(() => {
  "use strict";

  const ONCE = "course-lasting-told"; // in localStorage: the sentence that was shown
  const COPY = "File → Download keeps a copy.";
  const UNSAVED = `This browser did not store the notebook: its space is full, or it stores nothing for this site. Your text is still on this page, and it is tried again every five seconds. ${COPY}`;
  const CHANGED = "You have this notebook open in another tab, which stored it in the meantime. Overwrite keeps what you see here, Revert takes what the other tab stored. To keep both, choose Cancel, then File → Download, then close one tab.";

  // ---- sentences at the foot of the page -------------------------------------------------------------------------

  const COLUMN = `position: fixed; bottom: 8px; left: 50%; transform: translateX(-50%); z-index: 9000; display: flex; flex-direction: column; gap: 8px;
    width: min(720px, calc(100vw - 16px))`;
  const BAR = `display: flex; gap: 12px; align-items: start; padding: 10px 14px; border-radius: 4px; font: 14px/1.4 system-ui, sans-serif;
    background: var(--jp-layout-color1, #fff); color: var(--jp-ui-font-color1, #000); border: 1px solid var(--jp-warn-color1, #b35900); box-shadow: 0 2px 8px #0004`;

  const column = document.createElement("div");
  column.style.cssText = COLUMN;
  column.setAttribute("role", "status");
  const said = new Map();

  const unsay = (about) => {
    said.get(about)?.remove();
    said.delete(about);
  };

  const say = (about, text) => {
    unsay(about);
    const bar = document.createElement("div"), close = document.createElement("button");
    bar.className = "course-said";
    bar.style.cssText = BAR;
    close.textContent = "Close";
    close.addEventListener("click", () => unsay(about));
    bar.append(Object.assign(document.createElement("span"), { textContent: text, style: "flex: 1" }), close);
    column.append(bar);
    document.body.append(column);
    said.set(about, bar);
  };

  // ---- what the browser keeps ------------------------------------------------------------------------------------

  const known = (key, value) => {
    try {
      return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value);
    } catch {
      return null; // nothing is stored: then it is said each time
    }
  };

  // Asked when the learner first types: some browsers show a question, which nobody expects before.
  const ask = async () => {
    const [kept, words] = await window.course.lasting(true);
    if (kept || known(ONCE) === words) return;
    known(ONCE, words);
    say("lasting", `${words} The page Your practice in the book exports your log and your notebooks to a file.`);
  };

  const tried = () => window.course.log.entries().catch((error) =>
    say("shut", `${window.course.words(error)}. What you write here is lost when you close this tab. ${COPY}`.replace(/^./, (letter) => letter.toUpperCase())));

  // ---- two tabs --------------------------------------------------------------------------------------------------

  const context = () => window.jupyterapp?.shell?.currentWidget?.context;

  // What another tab stored is taken over where nothing is unsaved here; else JupyterLite asks at its next save.
  const follow = async (path) => {
    const own = context();
    if (own?.path !== path || !own.isReady || own.model.dirty) return;
    const stored = await window.jupyterapp.serviceManager.contents.get(path, { content: false });
    if (!own.model.dirty && stored.last_modified !== own.contentsModel.last_modified) await own.revert();
  };

  // Once a notebook is open: say so where another tab has it too, and tell the others of each save.
  const watch = async () => {
    let own;
    while (!(own = context())?.isReady) await new Promise((resolve) => setTimeout(resolve, 500));
    own.saveState.connect((_, state) => {
      if (state !== "completed") return;
      unsay("unsaved");
      window.course.tell({ saved: own.path });
    });
    await navigator.locks?.request(`course ${own.path}`, { ifAvailable: true }, (lock) => {
      if (lock) return new Promise(() => {}); // until the tab is closed
      say("twice", "This notebook is open in another tab too. Write in one of them only: the other one then follows.");
    });
  };

  // A dialog's name is in its label; what it shows is drawn a moment later.
  const explain = (dialog) => {
    const name = dialog.getAttribute("aria-label") ?? "";
    if (name.startsWith("File Save Error")) { // it would come every five seconds and keep the learner from typing
      dialog.querySelector("button")?.click();
      say("unsaved", UNSAVED);
    } else if (name.startsWith("File Changed") && !dialog.querySelector(".course-words")) {
      const paragraph = Object.assign(document.createElement("p"), { className: "course-words", textContent: CHANGED });
      dialog.querySelector(".jp-Dialog-footer")?.before(paragraph);
    }
  };

  window.addEventListener("course-log", ({ detail }) => {
    if (detail?.refused) say("refused", `Your last attempts are not stored: ${detail.refused}. They count in this tab, and it is tried again until it is closed.`);
    if (detail?.kept) unsay("refused");
    if (detail?.saved) follow(detail.saved).catch(console.warn);
  });

  window.addEventListener("DOMContentLoaded", () => {
    tried();
    watch().catch(console.warn);
    window.addEventListener("keydown", () => ask().catch(console.warn), { once: true });
    new MutationObserver(() => document.querySelectorAll(".jp-Dialog").forEach(explain)).observe(document.body, { childList: true });
  });
})();
