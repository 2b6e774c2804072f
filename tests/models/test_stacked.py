"""Many small nets at once: each of them is what torch makes of its weights alone."""

import torch

from utils import models


def test_each_net_of_a_stack_is_torchs_own_net():
    """Linear, batch norm with γ and β, ReLU, linear: net by net."""
    nets = models.DigitsStack(3, 2, "relu", batchnorm=True, seed=5)
    x = models.standard_digits()[0][:20]
    logits = nets.forward(x.expand(3, -1, -1))
    for net in range(3):
        h = x
        for w, gamma, beta in zip(nets.weights, nets.gamma, nets.beta, strict=False):
            h = torch.nn.functional.batch_norm(
                h @ w[net], None, None, gamma[net, 0], beta[net, 0], training=True
            ).relu()
        torch.testing.assert_close(logits[net], h @ nets.weights[-1][net], rtol=1e-4, atol=1e-4)


def test_groups_have_statistics_of_their_own():
    """Two groups of 10 in one batch of 20 are two batches of 10."""
    z = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(0))
    halves = torch.cat([models.normalise(z[:, :10]), models.normalise(z[:, 10:])], 1)
    torch.testing.assert_close(models.normalise(z, group=10), halves)


def test_alike_starts_all_nets_from_the_same_weights_and_rates_make_them_differ():
    """A rate of 0 leaves its net alone; a usual one learns."""
    nets = models.DigitsStack(2, 1, "tanh", seed=1, alike=True)
    assert all(torch.equal(w[0], w[1]) for w in nets.weights)
    digits = torch.arange(256)
    before = nets.accuracy(digits)
    after = nets.train([0.0, 1.0], 60).accuracy(digits)
    assert after[0] == before[0] < 0.5 < 0.9 < after[1]
