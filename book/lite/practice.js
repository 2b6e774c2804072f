// The page of the learner's practice: bars by chapter, a calendar, mistakes that come back, what is due.
// <div class="course-practice" data-facts="{…}"></div>, filled by utils/publishing/practice_page.py; the log is this browser's.
(() => {
  "use strict";

  const DAY = 86_400_000, LATER = 14, SHOWN = 12;

  const make = (name, attributes = {}, ...children) => {
    const svg = ["svg", "rect", "text", "title"].includes(name);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  const local = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10); // the learner's day
  const plus = (day, number) => new Date(Date.parse(day) + number * DAY).toISOString().slice(0, 10);

  const bar = ([title, exercises], state) => {
    const names = Object.keys(exercises), known = names.map((name) => state.exercises.get(name)).filter(Boolean);
    const right = known.filter((one) => one.right).length, tried = known.filter((one) => !one.right && one.wrong).length;
    const label = `${title}: ${right} of ${names.length} right, ${tried} tried`;
    const part = (kind, number) => make("div", { class: kind, style: `width:${(100 * number) / names.length}%` });
    return [make("div", {}, label), make("div", { class: "course-progress", role: "img", "aria-label": label }, part("right", right), part("tried", tried))];
  };

  const calendar = (days, today, weeks) => {
    const monday = plus(today, -((new Date(today).getUTCDay() + 6) % 7) - 7 * (weeks - 1));
    const svg = make("svg", { width: 16 * weeks, height: 128, role: "img" });
    let [day, total, active] = [monday, 0, 0];
    for (let n = 0; day <= today; day = plus(monday, ++n)) {
      const number = days.get(day) ?? 0, x = 16 * Math.floor(n / 7), level = !number ? "none" : number < 5 ? "a" : number < 15 ? "b" : "c";
      svg.append(make("rect", { x, y: 16 * (n % 7) + 14, width: 13, height: 13, class: level }, make("title", {}, `${day}: ${number}`)));
      if (day.endsWith("-01")) svg.append(make("text", { x, y: 9 }, new Date(day).toLocaleString("en", { month: "short", timeZone: "UTC" })));
      total += number;
      active += number > 0;
    }
    const label = `${total} checks and cards on ${active} days`;
    svg.setAttribute("aria-label", label);
    return [make("div", { class: "course-box", tabindex: 0, role: "region", "aria-label": "calendar" }, svg), make("p", {}, `${label}.`)];
  };

  const table = (head, rows) => make("div", { class: "course-box", tabindex: 0, role: "region", "aria-label": head.join(", ") }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell)))))));

  // The first rows in sight, the others folded.
  const folded = (head, rows) => {
    const rest = rows.slice(SHOWN);
    return [table(head, rows.slice(0, SHOWN)), ...(rest.length ? [make("details", {}, make("summary", {}, `${rest.length} more`), table(head, rest))] : [])];
  };

  const link = (name, stems) => stems.has(name) ? make("a", { href: `questions/${stems.get(name)}.html` }, name) : name;

  const mistakes = (state, stems) => {
    const rows = [...state.exercises].flatMap(([name, one]) => [...one.mistakes].map(([mistake, { times, days }]) => ({ mistake, name, times, days: days.size })));
    const back = rows.filter(({ days }) => days > 1).sort((a, b) => b.days - a.days || b.times - a.times);
    if (!back.length) return [make("p", {}, "None so far.")];
    return folded(["mistake", "exercise", "made"], back.map(({ mistake, name, times, days }) => [mistake, link(name, stems), `${times} times on ${days} days`]));
  };

  const due = (state, stems, today, facts) => {
    const known = [...state.exercises].filter(([name, one]) => one.reviews.length && stems.has(name));
    const found = known.map(([name, { reviews }]) => ({ name, due: window.course.memory(reviews, facts).due, why: `${reviews.at(-1).why} on ${reviews.at(-1).day}` }));
    found.sort((a, b) => a.due.localeCompare(b.due));
    const now = found.filter((one) => one.due <= today), later = new Map();
    for (const { name, due: day } of found.filter((one) => one.due > today)) later.set(day, [...(later.get(day) ?? []), name]);
    const first = now.length ? folded(["exercise", "since", "why"], now.map((one) => [link(one.name, stems), one.due, one.why])) : [make("p", {}, "No exercise is due today.")];
    const rest = [...later].slice(0, LATER).map(([day, names]) => [day, names.join(", ")]);
    return rest.length ? [...first, table(["day", "comes back"], rest)] : first;
  };

  const show = async (element) => {
    const facts = JSON.parse(element.dataset.facts), today = local(new Date());
    const entries = await window.course.log.entries(), state = window.course.replay(entries, facts);
    const stems = new Map(facts.chapters.flatMap(([, exercises]) => Object.entries(exercises)));
    const none = make("p", {}, "This browser has no attempts so far. They appear here after your first check, or after an import.");
    element.replaceChildren(...(entries.length ? [] : [none]),
      make("h2", {}, "Chapters"), ...facts.chapters.flatMap((chapter) => bar(chapter, state)),
      make("h2", {}, "Due"), ...due(state, stems, today, facts),
      make("h2", {}, "Mistakes that come back"), ...mistakes(state, stems),
      make("h2", {}, `The last ${facts.weeks} weeks`), ...calendar(state.days, today, facts.weeks));
    const newest = element.querySelector("svg").parentElement;
    newest.scrollLeft = newest.scrollWidth; // on a phone the last weeks come first
  };

  const refused = (element, error) =>
    element.replaceChildren(make("p", {}, `Your log cannot be read: ${window.course.words(error)}.`));

  for (const event of ["pageshow", "course-log"]) // also when the learner comes back to the page, and when the log has grown
    window.addEventListener(event, () => document.querySelectorAll(".course-practice").forEach((element) => show(element).catch((error) => refused(element, error))));
})();
