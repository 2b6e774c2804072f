// Says which copies of a question's notebook this browser keeps, and opens them:
// <div class="course-copies" data-stem="15_bn" data-current="15_bn.a3f9c1.ipynb" data-lite="../lite/notebooks/index.html">
(() => {
  "use strict";

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
    const mine = (await window.course.notebooks.files(lite)).filter(({ path }) => path.startsWith(`${stem}.`) && path.endsWith(".ipynb"));
    const edition = (path) => path.slice(stem.length + 1).match(/^([0-9a-f]{6})\./)?.[1];
    const lines = mine.sort((a, b) => String(b.last_modified).localeCompare(String(a.last_modified))).map((file) => {
      if (!edition(file.path)) return line(`You have a copy from elsewhere (${file.path}${day(file)}).`, lite, file.path, "Open it");
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
