"""02 · Batch, stochastic and mini-batch gradient descent. Oracles: torch.split, torch's autograd and SGD in float64."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _seeded(function, seed, **inputs):
    """A generator cannot be stored with a case: its seed is, and `rng` comes last."""
    return function(*inputs.values(), np.random.default_rng(seed))


PROTOCOL = "rng is np.random.default_rng(seed), the seed being the case's"


def _torch_batches(order, batch_size):
    import torch

    return [part.numpy() for part in torch.split(torch.from_numpy(order), batch_size)]


def _oracle_batches(n, batch_size, seed):
    return _torch_batches(np.random.default_rng(seed).permutation(n), batch_size)


def _cut(order, batch_size):
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def _starts(n, batch_size):
    return range(0, n, batch_size)


BATCH_MISTAKES = {
    "no shuffle": ("Cut rng.permutation(n), not np.arange(n): sorted data would come class by class.", lambda n, b, rng: _cut(np.arange(n), b)),
    "last batch dropped": ("The short last batch is kept: every index comes once.", lambda n, b, rng: _cut(rng.permutation(n)[: n // b * b], b)),
    "last batch dropped, even a full one": ("range(0, n, batch_size) reaches the last batch; range(0, n - batch_size, …) does not.", lambda n, b, rng: (o := rng.permutation(n), [o[i : i + b] for i in range(0, n - b, b)])[1]),
    "last index left out where it stands alone": ("The loop ends too early: range(0, n, batch_size), not n − 1.", lambda n, b, rng: [o[i : i + b] for o in [rng.permutation(n)] for i in range(0, n - 1, b)]),
    "sampling with replacement": ("rng.permutation(n) gives every index once; rng.integers or rng.choice repeat some and miss a third.", lambda n, b, rng: _cut(rng.integers(0, n, size=n), b)),
    "sampling with replacement, last batch full": ("Every index once, so the last batch is short.", lambda n, b, rng: [rng.integers(0, n, size=b) for _ in _starts(n, b)]),
    "sampling with replacement, last batch dropped": ("Every index once, the short last batch too.", lambda n, b, rng: [rng.integers(0, n, size=b) for _ in range(n // b)]),
    "a new draw for each batch": ("One permutation for the epoch; a new draw for each batch repeats some indices.", lambda n, b, rng: [rng.choice(n, size=min(b, n - i), replace=False) for i in _starts(n, b)]),
    "a new draw for each batch, last batch full": ("One permutation for the epoch, cut in order.", lambda n, b, rng: [rng.choice(n, size=min(b, n), replace=False) for _ in _starts(n, b)]),
    "a new permutation for each batch": ("Permute once, before the loop.", lambda n, b, rng: [rng.permutation(n)[i : i + b] for i in _starts(n, b)]),
    "the head of a new permutation for each batch": ("Permute once, before the loop, and move on in it.", lambda n, b, rng: [rng.permutation(n)[:b] for _ in _starts(n, b)]),
    "rng.choice without replacement": ("Equally random, but another order: the docstring asks for rng.permutation(n), so that runs can be compared.", lambda n, b, rng: _cut(rng.choice(n, size=n, replace=False), b)),
    "argsort of random numbers": ("Equally random, but another order: the docstring asks for rng.permutation(n).", lambda n, b, rng: _cut(np.argsort(rng.random(n)), b)),
    "batches shuffled, not the indices": ("Neighbours stay together that way: permute the indices, then cut.", lambda n, b, rng: [_cut(np.arange(n), b)[k] for k in rng.permutation(-(-n // b))]),
    "sorted inside each batch": ("Leave the indices in the order of the permutation.", lambda n, b, rng: [np.sort(part) for part in _cut(rng.permutation(n), b)]),
    "last batch filled up from the start": ("The last batch is short: no index comes twice.", lambda n, b, rng: [np.take(o, range(i, i + b), mode="wrap") for o in [rng.permutation(n)] for i in _starts(n, b)]),
    "evenly sized batches": ("All batches but the last have batch_size indices; np.array_split evens them out.", lambda n, b, rng: np.array_split(rng.permutation(n), -(-n // b))),
    "rest spread over the other batches": ("n // batch_size batches are too few: the rest makes a batch of its own.", lambda n, b, rng: np.array_split(rng.permutation(n), max(n // b, 1))),
    "batch_size taken for the number of batches": ("batch_size counts the indices in a batch.", lambda n, b, rng: np.array_split(rng.permutation(n), b)),
    "overlapping windows": ("Move on by batch_size: range(0, n, batch_size).", lambda n, b, rng: [o[i : i + b] for o in [rng.permutation(n)] for i in range(n)]),
    "cut with a stride": ("Cut in order: order[i : i + batch_size].", lambda n, b, rng: [o[k :: -(-n // b)] for o in [rng.permutation(n)] for k in range(-(-n // b))]),
    "an empty batch at the end": ("Where batch_size divides n there is no rest: range(0, n, batch_size).", lambda n, b, rng: [o[k * b : (k + 1) * b] for o in [rng.permutation(n)] for k in range(n // b + 1)]),
    "one array, not cut": ("Return a list of arrays, one for each batch.", lambda n, b, rng: rng.permutation(n)),
    "only the first batch": ("Return all batches of the epoch.", lambda n, b, rng: _cut(rng.permutation(n), b)[:1]),
    "counted from 1": ("Indices run from 0 to n − 1.", lambda n, b, rng: _cut(rng.permutation(n) + 1, b)),
    "a generator of its own (seed 0)": ("Draw from the rng that is passed: a new default_rng(0) gives the same order in every epoch.", lambda n, b, rng: _cut(np.random.default_rng(0).permutation(n), b)),
}  # fmt: skip


def _lazily(n, batch_size, rng):
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def _shuffled(n, batch_size, rng):
    order = np.arange(n)
    rng.shuffle(order)
    return tuple(np.split(order, range(batch_size, n, batch_size)))


def _collected(n, batch_size, rng):
    batches, batch = [], []
    for index in rng.permutation(n):
        batch.append(index)
        if len(batch) == batch_size:
            batches.append(batch)
            batch = []
    return [*batches, batch] if batch else batches


def _sizes(n, batch_size, seed):
    return lambda rng: dict(n=n, batch_size=batch_size, seed=seed)


BATCHES = Exercise(
    name="iterate_minibatches",
    returns=("batches",),
    run=_seeded,
    protocol=PROTOCOL,
    oracle=_oracle_batches,
    cases=(
        Case("five indices in twos", _sizes(5, 2, 1)),
        Case("six in twos: no rest", _sizes(6, 2, 2)),
        Case("seven in threes", _sizes(7, 3, 3)),
        Case("one at a time", _sizes(4, 1, 4)),
        Case("all at once", _sizes(4, 4, 5)),
        Case("a batch larger than the data", _sizes(3, 8, 6)),
        Case("a single sample", _sizes(1, 1, 7)),
        Case("a rest of one", _sizes(33, 8, 8)),
        Case("a hundred in thirty-twos", _sizes(100, 32, 9)),
        Case("a last batch almost full", _sizes(19, 5, 10)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in BATCH_MISTAKES.items()),
    accepts=(
        lambda n, b, rng: _cut(rng.permutation(n), b),
        _lazily,
        _shuffled,
        _collected,
        lambda n, b, rng: [part.tolist() for part in _cut(rng.permutation(np.arange(n)), b)],
        lambda n, b, rng: _torch_batches(rng.permutation(n), b),
    ),
    verified="the very order of rng.permutation(n), every index once, on ten pairs of sizes",
)


def _oracle_train(X, y, batch_size, lr, n_epochs, seed):
    """torch.optim.SGD on half the mean squared error of each batch, by autograd."""
    import torch

    X, y, rng = torch.tensor(X), torch.tensor(y), np.random.default_rng(seed)
    theta, losses = torch.zeros(X.shape[1], dtype=torch.float64, requires_grad=True), []
    sgd, mse = torch.optim.SGD([theta], lr=lr), torch.nn.functional.mse_loss
    for _ in range(n_epochs):
        for part in torch.split(torch.from_numpy(rng.permutation(len(y))), batch_size):
            sgd.zero_grad()
            (mse(X[part] @ theta, y[part]) / 2).backward()
            sgd.step()
        losses.append(float(mse(X @ theta, y).detach()) / 2)
    return theta.detach().numpy(), np.array(losses)


def _half(r):
    return float(np.mean(r**2)) / 2 if len(r) else 0.0


def _train(
    X, y, batch_size, lr, n_epochs, rng, *,
    start=lambda d, rng: np.zeros(d),
    order=lambda rng, n, b, last: rng.permutation(n),
    used=lambda batches, b: batches,
    pair=lambda X, y, part: (X[part], y[part]),
    grad=lambda x, r, b, n: x.T @ r / len(r),
    rate=lambda lr, n: lr,
    note=lambda before, after, parts: _half(after),
):  # fmt: skip
    """One epoch after another, with every part of it open to a mistake."""
    n, theta, last, losses = len(y), start(X.shape[1], rng), None, []
    for _ in range(n_epochs):
        last, before, parts = order(rng, n, batch_size, last), X @ theta - y, []
        for part in used(_cut(last, batch_size), batch_size):
            x, target = pair(X, y, part)
            r = x @ theta - target
            theta = theta - rate(lr, n) * grad(x, r, batch_size, n)
            parts.append((r, x @ theta - target, X @ theta - y))
        losses.append(note(before, X @ theta - y, parts))
    return theta, np.array([value for entry in losses for value in np.atleast_1d(entry)])


def _way(**parts):
    return lambda *inputs: _train(*inputs, **parts)


def _with_start(X, y, batch_size, lr, n_epochs, rng):
    theta, losses = _train(X, y, batch_size, lr, n_epochs, rng)
    return theta, np.array([_half(y), *losses])


def _compounded(rng, n, b, last):
    return (np.arange(n) if last is None else last)[rng.permutation(n)]


TRAIN_MISTAKES = {
    "the same order every epoch": ("Draw a new permutation inside the loop over the epochs.", _way(order=lambda rng, n, b, last: rng.permutation(n) if last is None else last)),
    "no shuffle": ("Each epoch takes the batches of iterate_minibatches.", _way(order=lambda rng, n, b, last: np.arange(n))),
    "last batch dropped": ("The short last batch makes an update too.", _way(used=lambda parts, b: [part for part in parts if len(part) == b])),
    "sampling with replacement": ("Each epoch sees every sample once: rng.permutation(n).", _way(order=lambda rng, n, b, last: rng.integers(0, n, size=n))),
    "sampling with replacement, last batch full": ("Each epoch sees every sample once, so the last batch is short.", _way(order=lambda rng, n, b, last: rng.integers(0, n, size=-(-n // b) * b))),
    "a new draw for each batch": ("One permutation for the epoch, cut in order: else some samples come twice and some not at all.", _way(order=lambda rng, n, b, last: np.concatenate([rng.choice(n, size=min(b, n - i), replace=False) for i in range(0, n, b)]))),
    "the shuffled order shuffled again": ("Each epoch starts from a fresh rng.permutation(n), applied to the X and y that were passed.", _way(order=_compounded)),
    "a generator of its own (seed 0)": ("Draw from the rng that is passed.", lambda X, y, b, lr, e, rng: _train(X, y, b, lr, e, np.random.default_rng(0))),
    "gradient summed, not averaged": ("Divide by the size of the batch: else the step grows with it.", _way(grad=lambda x, r, b, n: x.T @ r)),
    "gradient summed, and factor 2": ("The mean over the batch, and no 2: xᵀ(xθ − y)/B.", _way(grad=lambda x, r, b, n: 2 * x.T @ r)),
    "gradient divided by n": ("The mean over the batch: divide by its size, not by that of the data.", _way(grad=lambda x, r, b, n: x.T @ r / n)),
    "short last batch divided by batch_size": ("Divide by len(batch): the last batch has fewer samples.", _way(grad=lambda x, r, b, n: x.T @ r / b)),
    "gradient with factor 2": ("J has 1/2 in it: the gradient is xᵀ(xθ − y)/B.", _way(grad=lambda x, r, b, n: 2 * x.T @ r / len(r))),
    "gradient with 1/2 kept": ("The derivative of r²/2 is r: no 1/2 is left.", _way(grad=lambda x, r, b, n: x.T @ r / (2 * len(r)))),
    "no 1/2 anywhere: gradient and loss doubled": ("J = 1/(2n) Σ r², and its gradient has no 2.", _way(grad=lambda x, r, b, n: 2 * x.T @ r / len(r), note=lambda before, after, parts: 2 * _half(after))),
    "ascent (sign)": ("θ − lr·g, with the residual prediction minus target.", _way(rate=lambda lr, n: -lr)),
    "learning rate divided by n": ("The gradient is a mean already: θ − lr·g.", _way(rate=lambda lr, n: lr / n)),
    "X shuffled but not y": ("Take X and y with the same indices.", lambda *inputs: _misaligned(*inputs)),
    "batch_size ignored: all samples in one step": ("One update for each batch.", lambda X, y, b, lr, e, rng: _train(X, y, len(y), lr, e, rng)),
    "batch_size ignored: one sample in a step": ("Each update takes the mean over a batch.", lambda X, y, b, lr, e, rng: _train(X, y, 1, lr, e, rng)),
    "one batch an epoch": ("An epoch is all batches, not the first.", _way(used=lambda parts, b: parts[:1])),
    "θ starts at ones": ("θ starts at zeros.", _way(start=lambda d, rng: np.ones(d))),
    "θ starts at random": ("θ starts at zeros, and nothing but the orders is drawn from rng.", _way(start=lambda d, rng: rng.normal(size=d))),
    "loss recorded before the epoch": ("Note the loss after the last update of the epoch.", _way(note=lambda before, after, parts: _half(before))),
    "loss on the last batch only": ("The full loss: over all samples.", _way(note=lambda before, after, parts: _half(parts[-1][1]))),
    "loss on the last batch only, before its update": ("The full loss, over all samples, after the epoch.", _way(note=lambda before, after, parts: _half(parts[-1][0]))),
    "mean of the batch losses on the way": ("Each of those belongs to another θ: compute J once after the epoch.", _way(note=lambda before, after, parts: np.mean([_half(r) for r, _, _ in parts]))),
    "mean of the batch losses on the way, by their sizes": ("Each of those belongs to another θ: compute J once after the epoch.", _way(note=lambda before, after, parts: _half(np.concatenate([r for r, _, _ in parts])))),
    "sum of the batch losses on the way": ("Compute J over all samples once after the epoch.", _way(note=lambda before, after, parts: np.sum([_half(r) for r, _, _ in parts]))),
    "a loss after every batch": ("One loss an epoch: (n_epochs,).", _way(note=lambda before, after, parts: [_half(full) for _, _, full in parts])),
    "losses with the start": ("The first loss is that after epoch 1: (n_epochs,).", _with_start),
    "loss without 1/2": ("J = 1/(2n) Σ r².", _way(note=lambda before, after, parts: 2 * _half(after))),
    "loss summed": ("J = 1/(2n) Σ r²: divide by n.", _way(note=lambda before, after, parts: float(after @ after) / 2)),
    "only the last loss": ("One loss for each epoch.", lambda *inputs: (found := _train(*inputs), (found[0], float(found[1][-1])))[1]),
    "losses and θ swapped": ("Return (theta, losses).", lambda *inputs: _train(*inputs)[::-1]),
}  # fmt: skip


def _misaligned(X, y, batch_size, lr, n_epochs, rng):
    """X[order] beside y as it came, batch by batch."""
    places = []

    def pair(X, y, part):
        first = sum(places) % len(y)
        places.append(len(part))
        return X[part], y[first : first + len(part)]

    return _train(X, y, batch_size, lr, n_epochs, rng, pair=pair)


def _plain(X, y, batch_size, lr, n_epochs, rng):
    theta, losses = [0.0] * X.shape[1], []
    for _ in range(n_epochs):
        order = list(rng.permutation(len(y)))
        while order:
            part, order = order[:batch_size], order[batch_size:]
            total = [0.0] * len(theta)
            for i in part:
                r = sum(a * t for a, t in zip(X[i], theta, strict=True)) - y[i]
                total = [s + r * a for s, a in zip(total, X[i], strict=True)]
            theta = [t - lr * s / len(part) for t, s in zip(theta, total, strict=True)]
        losses.append(0.5 * np.mean((X @ np.array(theta) - y) ** 2))
    return theta, losses


def _shuffled_copies(X, y, batch_size, lr, n_epochs, rng):
    theta, losses = np.zeros(X.shape[1]), np.empty(n_epochs)
    for k in range(n_epochs):
        order = np.arange(len(y))
        rng.shuffle(order)
        xs, ys = X[order], y[order]
        for i in range(0, len(ys), batch_size):
            x, target = xs[i : i + batch_size], ys[i : i + batch_size]
            theta -= lr * (np.einsum("bd,be,e->d", x, x, theta) - np.einsum("bd,b->d", x, target)) / len(x)
        losses[k] = np.linalg.norm(X @ theta - y) ** 2 / (2 * len(y))
    return [theta, losses]


def _torch_backed(X, y, batch_size, lr, n_epochs, rng):
    import torch

    X, y, theta, losses = torch.tensor(X), torch.tensor(y), torch.zeros(X.shape[1], dtype=torch.float64), []
    for _ in range(n_epochs):
        for part in torch.from_numpy(rng.permutation(len(y))).split(batch_size):
            theta = theta - lr * (X[part].T @ (X[part] @ theta - y[part])) / len(part)
        losses.append(((X @ theta - y) ** 2).mean().item() / 2)
    return theta.numpy(), losses


def _data(n, d, batch_size, lr, n_epochs, seed, noise=1.0, scale=1.0):
    def inputs(rng):
        X = scale * rng.normal(size=(n, d))
        y = X @ rng.normal(size=d) + noise * rng.normal(size=n)
        return dict(X=X, y=y, batch_size=batch_size, lr=lr, n_epochs=n_epochs, seed=seed)

    return inputs


TRAIN = Exercise(
    name="train_linear",
    returns=("theta", "losses"),
    run=_seeded,
    protocol=PROTOCOL,
    oracle=_oracle_train,
    cases=(
        Case("three samples in twos, one feature", lambda rng: dict(X=np.array([[1.0], [2.0], [3.0]]), y=np.array([2.0, 1.0, 5.0]), batch_size=2, lr=0.1, n_epochs=2, seed=1)),
        Case("seven samples in threes", _data(7, 2, 3, 0.1, 3, 2)),
        Case("one sample at a time", _data(5, 3, 1, 0.05, 2, 3)),
        Case("all samples at once", _data(6, 2, 6, 0.2, 4, 4)),
        Case("a batch larger than the data", _data(4, 2, 9, 0.1, 3, 5)),
        Case("as many features as samples", _data(4, 4, 2, 0.1, 3, 6)),
        Case("a single sample", _data(1, 3, 1, 0.1, 2, 7)),
        Case("a perfect fit", _data(9, 2, 4, 0.3, 5, 8, noise=0.0)),
        Case("nothing to learn: all targets zero", lambda rng: dict(X=rng.normal(size=(5, 2)), y=np.zeros(5), batch_size=2, lr=0.1, n_epochs=2, seed=9)),
        Case("large features, small step", _data(8, 2, 3, 1e-7, 3, 10, scale=1e3)),
        Case("a step that diverges", _data(6, 3, 2, 2.0, 3, 11)),
        Case("forty samples, one epoch", _data(40, 3, 16, 0.1, 1, 12)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in TRAIN_MISTAKES.items()),
    accepts=(_way(), _plain, _shuffled_copies, _torch_backed),
    verified="θ and every loss equal torch.optim.SGD's over the same order, on twelve data sets",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=40, exercises=(BATCHES, TRAIN))
