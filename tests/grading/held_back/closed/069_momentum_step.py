# wrong: PyTorch's form: lr outside the velocity
# kind: convention


def momentum_step(theta, grad, velocity, lr, momentum=0.9):
    buf = momentum * velocity + grad
    new_theta = theta - lr * buf
    return new_theta, buf
