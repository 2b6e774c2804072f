# wrong: looks ahead in the wrong direction: theta + momentum · velocity
# kind: concept


def nesterov_step(theta, grad_fn, velocity, lr, momentum=0.9):
    look = theta + momentum * velocity
    g = grad_fn(look)
    v = momentum * velocity + lr * g
    return theta - v, v
