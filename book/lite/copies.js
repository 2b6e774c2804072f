// Says which copies of a question's notebook this browser keeps, and opens them:
// <div class="course-copies" data-stem="15_bn" data-current="15_bn.a3f9c1.ipynb" data-lite="../lite/notebooks/index.html">
// JupyterLite keeps edited files in IndexedDB (localforage), one database for each folder that it is served from.
(() => {
  "use strict";

  const DATABASE = "JupyterLite Storage - "; // and the path of the folder, as in @jupyterlite's services-extension
  const FILES = "files";

  // The database, or null where there is none: asking must not make one.
  const opened = (name) => new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.transaction.abort();
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => resolve(null);
  });

  const files = async (folder) => {
    const database = await opened(DATABASE + folder);
    if (!database) return [];
    try {
      if (!database.objectStoreNames.contains(FILES)) return [];
      return await new Promise((resolve, reject) => {
        const all = database.transaction(FILES).objectStore(FILES).getAll();
        all.onsuccess = () => resolve(all.result);
        all.onerror = () => reject(all.error);
      });
    } finally {
      database.close();
    }
  };

  const line = (text, page, path, label) => {
    const paragraph = document.createElement("p");
    const link = document.createElement("a");
    link.href = `${page}?path=${encodeURIComponent(path)}`;
    link.textContent = label;
    paragraph.append(`${text} `, link);
    return paragraph;
  };

  const day = (file) => {
    const date = new Date(file.last_modified);
    return isNaN(date) ? "" : `, last changed ${date.toISOString().slice(0, 10)}`;
  };

  const show = async (element) => {
    const { stem, current, lite } = element.dataset;
    const folder = new URL(lite, document.baseURI).pathname.replace(/notebooks\/(index\.html)?$/, "");
    const mine = (await files(folder)).filter(({ path }) => path?.startsWith(`${stem}.`) && path.endsWith(".ipynb"));
    const edition = (path) => path.slice(stem.length + 1).match(/^[0-9a-f]*/)[0];
    const lines = mine.sort((a, b) => String(b.last_modified).localeCompare(String(a.last_modified))).map((file) => {
      const which = edition(file.path) === edition(current) ? "this" : "an earlier";
      const label = file.path === current ? "Go on with it" : "Open it";
      return line(`You have a copy of ${which} edition (${edition(file.path)}${day(file)}).`, lite, file.path, label);
    });
    element.replaceChildren(...lines);
  };

  window.addEventListener("pageshow", () => { // also when the learner comes back to the page
    for (const element of document.querySelectorAll(".course-copies")) show(element).catch(console.warn);
  });
})();
