// The log that this browser keeps, in IndexedDB, for the kernel's worker and for the book's pages: course.log.
// Every connection lasts for one transaction and lets go when another tab wants to change the database. A store of any
// version is read: a database is opened as it is, and only a store that it lacks is added to it.
(() => {
  "use strict";

  const PATIENCE = 8000; // milliseconds for another tab to let go
  const LOG = ["vision-interview-course", "attempts", { autoIncrement: true }];

  const SHUT = "this browser stores nothing for this site (a private window, or its settings block site data)";
  const WORDS = {
    QuotaExceededError: "the space that this browser gives to this site is full: delete files you do not need, here or on the disk",
    SecurityError: SHUT, InvalidStateError: SHUT, UnknownError: SHUT, NotAllowedError: SHUT,
    AbortError: "the browser broke the writing off",
    TimeoutError: "another tab of the course holds its storage: close that tab",
    DataError: "what this browser stores is of another version of the course: open the course anew",
  };

  // Why the browser refused, for a reader.
  const words = (error) => WORDS[error?.name] ?? (error instanceof DOMException ? `the browser says: ${error.message}` : error?.message ?? String(error));

  // A database, with the store if there are `options` to make it with; else null where there is no database: reading
  // makes nothing.
  const opened = (name, store, options, version) => new Promise((resolve, reject) => {
    if (!globalThis.indexedDB) throw new DOMException("no storage", "SecurityError");
    const request = indexedDB.open(name, version);
    let late = false;
    // Also without an event "blocked": reading waits behind another tab's opening, which waits for a third one.
    const waiting = setTimeout(() => {
      late = true;
      reject(new DOMException("blocked", "TimeoutError"));
    }, PATIENCE);
    request.onupgradeneeded = () => {
      if (!options) request.transaction.abort(); // leaves no trace
      else if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store, options);
    };
    request.onsuccess = () => {
      clearTimeout(waiting);
      const base = request.result;
      base.onversionchange = () => base.close();
      if (late) base.close();
      else resolve(base);
    };
    request.onerror = () => {
      clearTimeout(waiting);
      if (!options && request.error.name === "AbortError") resolve(null);
      else reject(request.error);
    };
  });

  // The database with the store; null where there is none and none shall be made.
  const database = async (name, store, options) => {
    const found = await opened(name, store, options);
    if (!found || found.objectStoreNames.contains(store)) return found;
    found.close();
    return options ? opened(name, store, options, found.version + 1) : null;
  };

  const transacted = (base, store, mode, work) => new Promise((resolve, reject) => {
    const transaction = base.transaction(store, mode, { durability: "strict" });
    const request = work(transaction.objectStore(store), (error) => {
      reject(error);
      transaction.abort();
    });
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
  });

  // What came of `work(store)`, in one transaction, all of it or nothing; undefined where there is nothing to read.
  const within = async ([name, store, options], mode, work, again = true) => {
    const base = await database(name, store, mode === "readwrite" && options);
    if (!base) return undefined;
    try {
      return await transacted(base, store, mode, work);
    } catch (error) {
      // another tab changed the database between opening and reading
      if (again && ["InvalidStateError", "NotFoundError"].includes(error.name)) return await within([name, store, options], mode, work, false);
      throw error;
    } finally {
      base.close();
    }
  };

  const all = async (place) => (await within(place, "readonly", (store) => store.getAll())) ?? [];

  // `change(store, all)`, with what was there before; no tab gets between.
  const change = (place, change) => within(place, "readwrite", (store, fail) => {
    const request = store.getAll();
    request.onsuccess = () => {
      try {
        change(store, request.result);
      } catch (error) {
        fail(error);
      }
    };
    return request;
  });

  // Text that is the same for the same JSON, whatever the order of its keys.
  const text = (value) => JSON.stringify(value, (_, item) =>
    item && typeof item === "object" && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort()) : item);

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

  // Other tabs hear the news, as the event "course-log": {changed: true}, {refused: "why"}, {kept: true}, {saved: path}.
  const line = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(LOG[0]);
  const tell = (news) => line?.postMessage(news);
  if (line && typeof window !== "undefined" && window.document)
    line.onmessage = ({ data }) => window.dispatchEvent(new CustomEvent("course-log", { detail: data }));
  line?.unref?.(); // of node, where it would wait for news

  const log = {
    entries: async () => (await all(LOG)).filter((entry) => entry && typeof entry === "object"),
    add: async (entries) => {
      await within(LOG, "readwrite", (store) => { for (const entry of entries) store.add(entry); });
      tell({ changed: true });
    },
    // Adds what the log lacks; how many entries that were.
    merge: async (others) => {
      let added = [];
      await change(LOG, (store, own) => {
        added = missing(others, own);
        for (const entry of added) store.add(entry);
      });
      tell({ changed: true });
      return added.length;
    },
  };

  globalThis.course = Object.assign(globalThis.course ?? {}, { log, all, change, missing, sameText: text, words, tell });
})();
