// The log replayed, and the day on which each exercise comes back: what utils/practice/replay.py and FSRS' own package
// do on a laptop. tests/publishing/test_practice_page.py compares the two.
(() => {
  "use strict";

  const AGAIN = 1, HARD = 2, GOOD = 3, EASY = 4, DAY = 86_400_000, TIME = /^\d{4}-\d\d-\d\d(T[\d:.,]+(Z|[+-]\d\d:?\d\d)?)?$/;

  const momentOf = (time) => {
    if (typeof time !== "string" || !TIME.test(time)) return NaN;
    return Date.parse(/T/.test(time) && !/(Z|[+-]\d\d:?\d\d)$/.test(time) ? `${time}Z` : time); // UTC where it names no zone
  };

  const fresh = () => ({ right: "", wrong: 0, hints: 0, mistakes: new Map(), reviews: [], digests: new Set(), since: nothing() });
  const nothing = () => ({ opened: "", wrong: 0, hints: 0 });

  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  const rating = ({ opened, wrong, hints }, time, first, easySeconds) => {
    if (wrong) return [HARD, `right after ${counted(wrong, "wrong verdict")}`];
    if (hints) return [HARD, `right with ${counted(hints, "hint")}`];
    if (!first && opened && Math.round((momentOf(time) - momentOf(opened)) / 1000) <= easySeconds)
      return [EASY, `right at once, within ${easySeconds / 60} minutes`];
    return [GOOD, "right at once"];
  };

  // An outcome is a review, at most one a day: nothing comes back on the same day.
  const concluded = (one, time, [rate, why]) => {
    const day = time.slice(0, 10), last = one.reviews.at(-1);
    if (!last || last.day < day) one.reviews.push({ day, rating: rate, why });
    one.since = nothing();
  };

  const happened = (one, { event, time }) => {
    if (event === "opened") one.since.opened ||= time;
    else if (event === "hint") one.hints += 1, one.since.hints += 1;
    else if (event === "gave up") concluded(one, time, [AGAIN, "given up"]);
  };

  const wasWrong = (one, { mistake, time }) => {
    one.wrong += 1;
    one.since.wrong += 1;
    if (typeof mistake !== "string") return;
    if (!one.mistakes.has(mistake)) one.mistakes.set(mistake, { times: 0, days: new Set() });
    one.mistakes.get(mistake).times += 1;
    one.mistakes.get(mistake).days.add(time.slice(0, 10));
  };

  // The same answer run again shows a file, not a memory.
  const wasRight = (one, entry, easySeconds) => {
    const digest = String(entry.digest || ""), { since } = one, first = !one.right;
    const anew = first || since.opened || since.wrong || (digest && one.digests.size && !one.digests.has(digest));
    one.right ||= entry.time;
    if (digest) one.digests.add(digest);
    if (anew) concluded(one, entry.time, rating(since, entry.time, first, easySeconds));
  };

  // {exercises: name → what happened, days: ISO date → number of checks and cards}
  const replay = (entries, { wrong, easySeconds }) => {
    const exercises = new Map(), days = new Map();
    const count = (time) => days.set(time.slice(0, 10), (days.get(time.slice(0, 10)) ?? 0) + 1);
    const timed = entries.filter(({ time }) => !isNaN(momentOf(time))).sort((a, b) => momentOf(a.time) - momentOf(b.time));
    for (const entry of timed) {
      const { exercise: name, status, event, time } = entry;
      if (typeof name !== "string") {
        if (event === "rated" && typeof entry.card === "string" && ["again", "hard", "good", "easy"].includes(entry.rating)) count(time);
        continue;
      }
      if (!exercises.has(name)) exercises.set(name, fresh());
      const one = exercises.get(name);
      if ("event" in entry) happened(one, entry);
      else if (typeof status === "string") {
        count(time);
        if (status === "right") wasRight(one, entry, easySeconds);
        else if (wrong.includes(status)) wasWrong(one, entry);
      }
    }
    return { exercises, days };
  };

  // FSRS 6 without steps within a day: {due: ISO date, stability in days} after at least one review.
  const memory = (reviews, { parameters: w, longest }) => {
    const decay = -w[20], factor = 0.9 ** (1 / decay) - 1, within = (d) => Math.min(Math.max(d, 1), 10);
    const begun = (rate) => w[4] - Math.E ** (w[5] * (rate - 1)) + 1;
    let stability, difficulty, last;
    for (const { day, rating: rate } of reviews) {
      const now = Date.parse(day) / DAY;
      if (last === undefined) [stability, difficulty] = [w[rate - 1], within(begun(rate))];
      else {
        const lost = 1 - (1 + (factor * (now - last)) / stability) ** decay;
        const moved = difficulty + ((10 - difficulty) * -(w[6] * (rate - 3))) / 9;
        stability = Math.max(rate === AGAIN ? forgotten(w, stability, difficulty, lost) : recalled(w, stability, difficulty, lost, rate), 0.001);
        difficulty = within(w[7] * begun(EASY) + (1 - w[7]) * moved);
      }
      last = now;
    }
    const interval = Math.min(Math.max(Math.round((stability / factor) * (0.9 ** (1 / decay) - 1)), 1), longest);
    return { due: new Date((last + interval) * DAY).toISOString().slice(0, 10), stability };
  };

  const forgotten = (w, stability, difficulty, lost) => Math.min(
    w[11] * difficulty ** -w[12] * ((stability + 1) ** w[13] - 1) * Math.E ** (lost * w[14]),
    stability / Math.E ** (w[17] * w[18]),
  );

  const recalled = (w, stability, difficulty, lost, rate) => stability * (
    1 + Math.E ** w[8] * (11 - difficulty) * stability ** -w[9] * (Math.E ** (lost * w[10]) - 1) * (rate === HARD ? w[15] : 1) * (rate === EASY ? w[16] : 1)
  );

  globalThis.course = Object.assign(globalThis.course ?? {}, { replay, memory });
})();
