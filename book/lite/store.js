// What this browser keeps of a learner, for the book's pages: window.course.log and window.course.notebooks.
// The log lies in IndexedDB, where utils/grading/browser.py writes it. Edited notebooks lie in JupyterLite's own
// storage (localforage), one database for each folder that it is served from.
// Reading makes nothing: a visitor who never tried has no database.
(() => {
  "use strict";

  const opened = (name, store, options, version) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => options ? request.result.createObjectStore(store, options) : request.transaction.abort();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => options ? reject(request.error) : resolve(null); // an aborted one leaves no trace
    request.onblocked = () => reject(new Error("another tab of this site is in the way; close it"));
  });

  // The database with the store; null where there is none and none shall be made.
  const database = async (name, store, options) => {
    const found = await opened(name, store, options);
    if (!found || found.objectStoreNames.contains(store)) return found;
    found.close();
    return options ? opened(name, store, options, found.version + 1) : null;
  };

  // All that is stored, after `change(store, all)` where something shall change; one transaction, so that no tab gets between.
  const used = async (name, store, options, change) => {
    const base = await database(name, store, change && options);
    if (!base) return [];
    try {
      return await new Promise((resolve, reject) => {
        const transaction = base.transaction(store, change ? "readwrite" : "readonly");
        const request = transaction.objectStore(store).getAll();
        request.onsuccess = () => change?.(transaction.objectStore(store), request.result);
        transaction.oncomplete = () => resolve(request.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("the browser stored nothing"));
      });
    } finally {
      base.close();
    }
  };

  // Text that is the same for the same JSON, whatever the order of its keys.
  const text = (value) => JSON.stringify(value, (_, item) =>
    item && typeof item === "object" && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort()) : item);

  const LOG = ["vision-interview-course", "attempts", { autoIncrement: true }];

  // Two entries that are the same are one, unless one of the two logs has both; utils/practice/exchange.py does the same.
  const missing = (others, own) => {
    const known = new Map();
    for (const entry of own) known.set(text(entry), (known.get(text(entry)) ?? 0) + 1);
    return others.filter((entry) => {
      const left = known.get(text(entry)) ?? 0;
      known.set(text(entry), left - 1);
      return left < 1;
    });
  };

  const log = {
    entries: async () => (await used(...LOG)).filter((entry) => entry && typeof entry === "object"),
    // Adds what the log lacks; how many entries that were.
    merge: async (others) => {
      let added = [];
      await used(...LOG, (store, own) => {
        added = missing(others, own);
        for (const entry of added) store.add(entry);
      });
      return added.length;
    },
  };

  // JupyterLite under `page`, the address of its notebooks/index.html.
  const storage = (page) => {
    const folder = new URL(page, document.baseURI).pathname.replace(/notebooks\/(index\.html)?$/, "");
    return [`JupyterLite Storage - ${folder}`, "files", {}];
  };

  const KERNEL = { display_name: "Python (Pyodide)", language: "python", name: "python" };

  const model = (path, content, now) => ({
    name: path, path, created: now, last_modified: now, content, format: "json", mimetype: "application/json",
    size: new TextEncoder().encode(JSON.stringify(content)).length, type: "notebook", writable: true,
  });

  // The first name that is free or has the same content: NAME.ipynb, NAME.DATE.ipynb, NAME.DATE-2.ipynb …
  const placed = (path, content, known, day) => {
    const stem = path.replace(/\.ipynb$/, "");
    for (let n = 0; ; n++) {
      const name = n === 0 ? path : `${stem}.${day}${n === 1 ? "" : `-${n}`}.ipynb`;
      if (!known.has(name)) return [name, true];
      if (text(known.get(name)) === text(content)) return [name, false];
    }
  };

  const notebooks = {
    files: async (page) => (await used(...storage(page))).filter((file) => file?.path?.endsWith(".ipynb")),
    // Writes {path: content} and overwrites nothing; the names that are new.
    add: async (page, found) => {
      const now = new Date().toISOString(), added = [];
      await used(...storage(page), (store, own) => {
        const known = new Map(own.map(({ path, content }) => [path, content]));
        for (const [path, content] of Object.entries(found)) {
          content.metadata = { ...content.metadata, kernelspec: KERNEL };
          const [name, isNew] = placed(path, content, known, now.slice(0, 10));
          if (!isNew) continue;
          store.put(model(name, content, now), name);
          known.set(name, content);
          added.push(name);
        }
      });
      return added;
    },
  };

  window.course = Object.assign(window.course ?? {}, { log, notebooks, missing });
})();
