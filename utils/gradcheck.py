"""Is a hand-written gradient right? Ask finite differences, and say where it is not.

An entry that agrees with one central difference is right, for two calls of `forward`. Others get a ladder of steps,
extrapolated to zero (Ridders 1982, Advances in Engineering Software 4(2)), whose uncertainty is never held against the
learner. On a kink (ReLU at 0, ties of a maximum) no entry alone can be judged: any value between its one-sided slopes
may be right. So the entries on kinks are moved together once more: at a tie the shares must add up to the whole.
"""

import html
from dataclasses import dataclass

import numpy as np

KINKS = "kinks"  # the index of the comparison in which all entries on kinks move together
EPS = np.finfo(np.float64).eps
MAX_ENTRIES = 50  # of a larger array so many entries at random, and one direction through all of them
TINY = 1e-13  # smaller gradients are rounding noise: 1 - tanh(z)**2 and its like cannot do better


@dataclass(frozen=True)
class Entry:
    """One comparison; `error` is relative and less what is unsure.

    `index` is None for the random direction and "kinks" for all entries on kinks together; `kink`: the slopes on the
    two sides differ here, and what came lies between them.
    """

    argument: str
    index: tuple | str | None
    analytic: float
    numeric: float
    error: float
    ok: bool
    kink: bool = False

    def __str__(self) -> str:
        together = {None: "a random direction", KINKS: f"{self.argument} on its kinks, moved together"}
        place = together.get(self.index) or f"{self.argument}{list(self.index)}"
        numeric = 0.0 if abs(self.numeric) < 1e-6 * abs(self.analytic) else self.numeric  # its digits would be noise
        digits = 4 if self.error > 1e-3 else 7
        figures = f"analytic {_figure(self.analytic, digits)}, numeric {_figure(numeric, digits)}"
        return f"{place}: {figures}, relative error {_figure(self.error, 1)}"


@dataclass(frozen=True, repr=False)
class GradcheckReport:
    """The verdict, true when every gradient is right: all comparisons, and the call that led to them."""

    entries: tuple
    rtol: float
    call: dict

    def __bool__(self) -> bool:
        return all(entry.ok for entry in self.entries)

    ok = property(__bool__)

    @property
    def worst(self) -> Entry | None:
        """The entry with the largest error, a wrong one if there is any; of equal ones the first."""
        return _worst(self.entries)

    def __repr__(self) -> str:
        head = f"{'✗✓'[self.ok]} gradcheck: {'every gradient is right' if self else 'a gradient is wrong'}"
        return "\n  ".join([head, *map(self._about, self.call["wrt"])])

    def _about(self, name: str) -> str:
        # Errors that pass are only bounded, others rounded: the text has to be the same on every machine.
        entries, x = [entry for entry in self.entries if entry.argument == name], self.call["inputs"][name]
        wrong, sampled = [entry for entry in entries if not entry.ok], x.size > MAX_ENTRIES
        single, kinks = [e for e in entries if isinstance(e.index, tuple)], sum(entry.kink for entry in entries)
        checked = f"{len(single)} of {x.size} entries{' and a random direction' * sampled}"
        checked += f" ({kinks} on a kink, where I cannot judge one alone)" * bool(kinks)
        verdict = f"{len(wrong)} wrong, worst {_worst(wrong)}{_advice(wrong)}" if wrong else f"error < {self.rtol:.0e}"
        return f"{'✓✗'[bool(wrong)]} {name} {x.shape}, {checked}: {verdict}"

    def _repr_html_(self) -> str:
        # Inherited colour, no background, marks of middling brightness: legible in light and dark themes.
        text = html.escape(repr(self)).replace("✓", '<b style="color:#009E73">✓</b>')
        text = text.replace("✗", '<b style="color:#D55E00">✗</b>')
        return f'<div style="white-space:pre-wrap;border-left:3px solid #888;padding-left:.8em">{text}</div>'

    def plot(self, ax=None):
        """Draw the relative error of central differences against the step size h, log-log; returns the Axes."""
        import matplotlib.pyplot as plt  # late: checking needs no figures

        steps, errors = error_against_step(**self.call)
        ax = ax or plt.subplots(figsize=(7.5, 4.2), layout="constrained")[1]
        ax.loglog(steps, errors, "o-", color="black", markersize=4, label="central differences")
        for power, dash, label in (2, "--", "truncation, ∝ h²"), (-1, ":", "rounding, ∝ 1/h"):
            side = steps > 1e-4 if power == 2 else steps < 1e-7
            guide = np.median((errors / steps**power)[side]) * steps**power
            ax.loglog(steps, guide, dash, color="#D55E00", label=label)
        ax.axvline(EPS ** (1 / 3), color="#0072B2", label="eps$^{1/3}$, the best h in theory")
        ax.set(xlabel="step size h", ylabel="relative error", ylim=(errors.min() / 5, errors.max() * 5))
        ax.set_title("Gradient check: error against step size", loc="left")
        ax.legend(fontsize=9)
        return ax


def numeric_gradient(f, x: np.ndarray, h: float = 1e-6, method: str = "central") -> np.ndarray:
    """Gradient of the scalar function f at x, same shape as x, float64; x is never changed.

    "central": (f(x + h) - f(x - h)) / 2h, error O(h²) + O(eps/h). "complex": the same along i·h, which is
    Im f(x + ih) / h (Squire & Trapp 1998): no cancellation, h may be 1e-20, but f must accept complex x.
    """
    _require(method in ("central", "complex"), f'method must be "central" or "complex", not {method!r}')
    x, step = np.array(x, dtype=np.float64), 1j * h if method == "complex" else h
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        move = np.zeros(x.shape, dtype=type(step))
        move[index] = step
        ahead, behind = np.asarray(f(x + move)), np.asarray(f(x - move))
        _require(ahead.size == 1, f"f must return one number, but returned shape {ahead.shape}")
        _require(method == "central" or np.iscomplexobj(ahead), 'f gave a real number for complex x; use "central"')
        gradient[index] = np.squeeze((ahead - behind) / (2 * step)).real
    return gradient


def gradcheck(forward, backward, inputs: dict, *, wrt=None, h=1e-6, rtol=1e-6, seed=0) -> GradcheckReport:
    """Compare the gradients of `backward` with central differences of `forward`.

    forward(**inputs) -> array or float; of a tuple the first element is differentiated.
    backward(dout, **inputs) -> one gradient, or a tuple or dict of them, for the arguments in `wrt` (default: all float
    arrays of `inputs`, in order). dout, a random upstream gradient of the output's shape (a float for a scalar), is
    drawn from `seed`: with ones, errors of sum zero would pass.
    inputs: name -> value; float arrays become float64, anything else is passed on as it is. h: the first step, times
    max(1, |x|). rtol: the largest relative error of a right gradient.
    At a kink (ReLU at 0, ties of a maximum) the report says that it cannot judge an entry alone; it moves all such
    entries together, so that at a tie "everybody gets all" and "nobody gets any" are found.
    ValueError when there is nothing to compare (None, NaN, wrong shape or number) or an argument was changed.
    """
    prepared = inputs, wrt, _, _, _ = _prepared(forward, backward, inputs, wrt, seed)
    entries = [_compared(forward, prepared, *where, h, rtol) for where in _directions(inputs, wrt, seed)]
    for name in wrt:
        on_kinks = [entry.index for entry in entries if entry.argument == name and entry.kink]
        if len(on_kinks) > 1:
            direction = np.zeros(inputs[name].shape)
            direction[tuple(np.transpose(on_kinks))] = 1
            entries.append(_compared(forward, prepared, name, KINKS, direction, h, rtol))
    call = dict(forward=forward, backward=backward, inputs=inputs, wrt=wrt, seed=seed)
    return GradcheckReport(tuple(entries), rtol, call)


def _compared(forward, prepared, name, index, direction, h, rtol) -> Entry:
    """The two slopes in one direction of one argument; the ladder of steps is climbed only where they differ."""
    inputs, _, out, dout, gradients = prepared
    line, size = _line(forward, inputs, name, direction), np.max(abs(inputs[name] * direction)) or 1.0
    # In a direction through n entries a single wrong one shows as 1/sqrt(n) of its error: ask for more there.
    analytic, accepted = np.sum(gradients[name] * direction), rtol * (0.01 if index is None else 1)
    (numeric, kink), unsure = _slope_and_kink(line, out, dout, h * max(1, size)), 0.0
    on_kink = index is not None and kink > 0
    if not abs(analytic - numeric) <= accepted * max(abs(analytic), abs(numeric)):
        numeric, unsure, kink = _extrapolated(line, out, dout, analytic, accepted, size)
    gap, scale = abs(analytic - numeric) - unsure, max(abs(analytic), abs(numeric), TINY)
    error = max(0.0, gap - kink) / scale
    on_kink = on_kink or (index is not None and error <= accepted < gap / scale)
    return Entry(name, index, *map(float, (analytic, numeric, error)), bool(error <= accepted), bool(on_kink))


def error_against_step(forward, backward, inputs: dict, steps=None, wrt=None, seed=0) -> tuple:
    """(steps (k,), errors (k,)): ‖analytic - numeric‖ / ‖analytic‖ of a dozen entries, at least 1e-17 for plots."""
    inputs, wrt, _, dout, gradients = _prepared(forward, backward, inputs, wrt, seed)
    steps = np.geomspace(1e-1, 1e-12, 45) if steps is None else np.asarray(steps, dtype=np.float64)
    probes = [(name, direction) for name, _, direction in _directions(inputs, wrt, seed)]
    probes = probes[:: len(probes) // 12 + 1]
    analytic = np.array([np.sum(gradients[name] * direction) for name, direction in probes])
    numeric = np.array([[_slope(_line(forward, inputs, *probe), dout, h) for probe in probes] for h in steps])
    return steps, np.maximum(np.linalg.norm(numeric - analytic, axis=1) / (np.linalg.norm(analytic) or 1.0), 1e-17)


def _directions(inputs, wrt, seed):
    """(name, index, direction) of all that is compared: single entries, then one direction through all of x."""
    for name in wrt:
        shape, size, rng = inputs[name].shape, inputs[name].size, np.random.default_rng(seed)
        for flat in np.sort(rng.permutation(size)[:MAX_ENTRIES]):
            direction = np.zeros(size)
            direction[flat] = 1
            yield name, tuple(map(int, np.unravel_index(flat, shape))), direction.reshape(shape)
        if size > MAX_ENTRIES:
            yield name, None, rng.choice([-1.0, 1.0], shape)


def _line(forward, inputs, name, direction):
    """The output as a function of the distance gone from the inputs."""
    return lambda t: _output(forward, inputs | {name: inputs[name] + t * direction})


@np.errstate(all="ignore")  # a long step may leave the domain of forward: then the slope is NaN
def _slope(line, dout, h):
    return np.sum(dout * (line(h) - line(-h))) / (2 * h)  # differences first: what does not move cancels exactly


@np.errstate(all="ignore")
def _slope_and_kink(line, out, dout, h):
    """The slope, and half the gap between the slopes on the two sides: zero but where it stays as h shrinks."""

    def probe(h):
        ahead, behind = line(h), line(-h)
        return np.sum(dout * (ahead - behind)) / (2 * h), np.sum(abs(dout * (ahead - 2 * out + behind))) / (2 * h)

    slope, bend = probe(h)
    # On a smooth function the gap is h times the curvature, and rounding some 1e-10 of the output.
    is_kink = bend > 1e-3 * abs(slope) + 1e-6 * np.linalg.norm(dout * out) and probe(h / 10)[1] > bend / 2
    return slope, bend if is_kink else 0.0


@np.errstate(all="ignore")
def _extrapolated(line, out, dout, analytic, accepted, size):
    """The slope for h -> 0, its uncertainty, half the gap of a kink; of a ladder of steps the best rung is taken."""
    steps = 10.0 ** np.arange(np.log10(max(1, size)) - 2, np.log10(np.clip(size, 1e-8, 1)) - 10.5, -1)
    slopes = np.array([_slope(line, dout, h) for h in steps])
    bends = [np.sum(abs(dout * (line(h) - 2 * out + line(-h)))) / (2 * h) for h in steps[-5:-3]]
    refined = (100 * slopes[1:] - slopes[:-1]) / 99  # cancels the h² term
    jumps, refined, steps = abs(np.diff(refined)), refined[1:], steps[2:]
    _require(np.isfinite(jumps).any(), "forward is not finite around its inputs. Next: try other inputs.")
    # Rounding grows as 1/h, so the shortest steps show how much of it there is, and forward's size the least.
    noise = max(4 * EPS * np.linalg.norm(dout * out), *np.nan_to_num(jumps * steps)[-3:]) / steps
    unsure = np.where(abs(refined - analytic) <= accepted * abs(analytic), 0, 2 * (jumps + noise))
    best = np.nanargmin(unsure)
    # The gap between the one-sided slopes shrinks with h on a smooth function and stays on a kink.
    kink = bends[1] if bends[1] > max(bends[0] / 2, 10 * noise[-4]) else 0.0
    return refined[best], unsure[best] + TINY * np.linalg.norm(dout), kink


def _prepared(forward, backward, inputs, wrt, seed):
    """(inputs in float64, names, out, dout, gradients by name), once it is sure that they can be compared."""
    names = [name for name, x in inputs.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    wrt = names if wrt is None else [wrt] if isinstance(wrt, str) else list(wrt)
    _require(wrt and set(wrt) <= set(names), f"wrt={wrt}, but the inputs that are arrays of floats are {names}")
    inputs = inputs | {name: np.array(inputs[name], dtype=np.float64) for name in names}
    before = {name: x.copy() for name, x in inputs.items() if isinstance(x, np.ndarray)}
    out, again = _output(forward, inputs), _output(forward, inputs)
    _expect_unchanged("forward", before, inputs)
    _require(np.isfinite(out).all(), "forward returned None, NaN or infinity. Next: mend forward first.")
    _require((out == again).all(), "forward gave two answers for the same inputs. Next: fix its random seed.")
    rng = np.random.default_rng(seed)
    dout = rng.choice([-1.0, 1.0], out.shape) * rng.uniform(0.5, 1.5, out.shape)  # no weight close to zero
    returned = backward(given := dout.copy() if out.ndim else float(dout), **inputs)
    _expect_unchanged("backward", before | {"dout": dout}, inputs | {"dout": given})
    return inputs, wrt, out, dout, _by_name(returned, inputs, wrt)


def _by_name(returned, inputs, wrt):
    returned = tuple(map(returned.get, wrt)) if isinstance(returned, dict) else returned
    gradients = returned if isinstance(returned, tuple) else (returned,)
    came = "None" if returned is None else f"{len(gradients)} gradients"
    wanted = f"{len(wrt)}: {', '.join(wrt)}. Next: return one for each, in this order, or choose with wrt="
    _require(len(gradients) == len(wrt), f"backward returned {came}, expected {wanted}")
    gradients = {name: np.asarray(gradient) for name, gradient in zip(wrt, gradients, strict=True)}
    for name, gradient in gradients.items():
        what, shape = f"backward's gradient of {name}", inputs[name].shape
        _require(gradient.dtype != object, f"{what} is None, expected shape {shape}. Next: return it.")
        _require(gradient.shape == shape, f"{what} has shape {gradient.shape}, expected {shape}. Next: sum or reshape.")
        _require(np.isfinite(gradient).all(), f"{what} has NaN or infinity. Next: look for 1/0, log(0), overflow.")
    return gradients


def _output(forward, inputs):
    out = forward(**inputs)
    return np.array(out[0] if isinstance(out, tuple) else out, dtype=np.float64)  # a copy; None becomes NaN


def _expect_unchanged(function, before, after):
    for name, x in before.items():
        same = np.array_equal(x, after[name], equal_nan=x.dtype.kind == "f")
        _require(same, f"{function} changed its argument {name}. Next: work on a copy; += and x[...] = change it.")


def _require(condition, message):
    if not condition:
        raise ValueError(message)


def _worst(entries):
    return max(entries, key=lambda entry: (not entry.ok, float(_figure(entry.error, 1))), default=None)


def _advice(wrong):
    ratios = [entry.analytic / entry.numeric for entry in wrong if entry.numeric]
    if wrong[0].index == KINKS:
        return "\n    next: at a tie the shares add up to the whole: give it to one of the winners, or share it out"
    if wrong[0].index is None:
        return "\n    next: the entries drawn are right, some other is not: try smaller arrays or another seed"
    if len(ratios) > 1 and np.allclose(ratios, ratios[0], rtol=1e-5, atol=1e-9):
        return f"\n    next: every wrong entry is {_figure(ratios[0], 4)} times what it should be: a sign, a constant?"
    return "\n    next: follow every way in which it reaches the output; each adds its part to the gradient"


def _figure(value, digits):
    return f"{value * (1 + 1e-8) + 0.0:.{digits}g}"  # nudged off exact halves, which noise rounds either way; no -0
