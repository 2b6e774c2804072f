// What is wider than the page scrolls in a box of its own; the keyboard has to reach that box.
const boxes = ".bd-article div.math, .bd-article p .math mjx-container, .cell_output .output, .bd-article table, .bd-article pre";

function reachable() {
  for (const box of document.querySelectorAll(boxes))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}

window.addEventListener("load", () => {
  const formulas = window.MathJax?.startup?.promise ?? Promise.resolve();
  formulas.then(reachable);
  window.addEventListener("resize", reachable);
});
