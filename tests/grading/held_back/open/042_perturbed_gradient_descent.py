# wrong: one random number a step for all coordinates
# kind: slip
import numpy as np


def perturbed_gradient_descent(grad_fn, theta0, lr, n_steps, noise_scale, rng):
    pos = np.array(theta0, float)
    trace = [pos]
    for _ in range(n_steps):
        g = grad_fn(pos)
        g = g + noise_scale * rng.normal()
        pos = pos - lr * g
        trace.append(pos)
    return np.array(trace)
