// The notebooks and other texts that this browser keeps: window.course.notebooks. They lie in JupyterLite's own storage
// (localforage), one database for each folder that it is served from.
(() => {
  "use strict";

  // JupyterLite under `page`, the address of its notebooks/index.html.
  const storage = (page) => {
    const folder = new URL(page, document.baseURI).pathname.replace(/notebooks\/(index\.html)?$/, "");
    return [`JupyterLite Storage - ${folder}`, "files", {}];
  };

  const KERNEL = { display_name: "Python (Pyodide)", language: "python", name: "python" };

  const size = (content) => new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content)).length;
  const KINDS = {
    notebook: { type: "notebook", format: "json", mimetype: "application/json" },
    text: { type: "file", format: "text", mimetype: "text/plain" },
    folder: { type: "directory", format: "json", mimetype: "", content: null, size: undefined },
  };
  const model = (path, content, now) => {
    const kind = content === null ? "folder" : typeof content === "string" ? "text" : "notebook";
    return { name: path.split("/").at(-1), path, created: now, last_modified: now, content, size: size(content), writable: true, ...KINDS[kind] };
  };

  // The first name that is free or has the same content: NAME.ipynb, NAME.DATE.ipynb, NAME.DATE-2.ipynb …
  const placed = (path, content, known, day) => {
    const [, stem, ending] = path.match(/^(.*?)(\.[^./]*)?$/);
    for (let n = 0; ; n++) {
      const name = n === 0 ? path : `${stem}.${day}${n === 1 ? "" : `-${n}`}${ending ?? ""}`;
      if (!known.has(name)) return [name, true];
      if (window.course.sameText(known.get(name)) === window.course.sameText(content)) return [name, false];
    }
  };

  const folders = (path) => path.split("/").slice(0, -1).map((_, n, parts) => parts.slice(0, n + 1).join("/"));

  const isWork = (file) => typeof file?.path === "string" && (file.type === "notebook" ? Boolean(file.content) : file.format === "text");

  const notebooks = {
    // Notebooks, and other texts that the learner made: {path, content, last_modified}.
    files: async (page) => (await window.course.all(storage(page))).filter(isWork),
    // Writes {path: content} and overwrites nothing; the names that are new.
    add: async (page, found) => {
      const now = new Date().toISOString(), added = [];
      await window.course.change(storage(page), (store, own) => {
        const known = new Map(own.map(({ path, content }) => [path, content]));
        for (const [path, content] of Object.entries(found)) {
          if (typeof content !== "string") content.metadata = { ...content.metadata, kernelspec: KERNEL };
          const [name, isNew] = placed(path, content, known, now.slice(0, 10));
          if (!isNew) continue;
          for (const folder of folders(name).filter((one) => !known.has(one))) {
            store.put(model(folder, null, now), folder);
            known.set(folder, null);
          }
          store.put(model(name, content, now), name);
          known.set(name, content);
          added.push(name);
        }
      });
      return added;
    },
  };

  window.course = Object.assign(window.course ?? {}, { notebooks });
})();
