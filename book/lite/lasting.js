// Whether this browser keeps what it stores: window.course.lasting.
(() => {
  "use strict";

  const KEPT = "This browser has promised to keep your work until you delete it.";
  const MAY = "This browser has not promised to keep your work. It may delete it when the disk is full; Safari does so after seven days without a visit, and a private window when you close it.";

  // [kept, in words]; with `ask` the browser is asked for the promise first. Some browsers then ask the learner.
  const lasting = async (ask = false) => {
    const storage = navigator.storage; // none without https
    const kept = Boolean(await storage?.persisted?.()) || (ask && Boolean(await storage?.persist?.()));
    return [kept, kept ? KEPT : MAY];
  };

  window.course = Object.assign(window.course ?? {}, { lasting });
})();
