# wrong: the step uses the old buffer
# kind: concept


def nesterov_step_rewritten(theta, grad, buffer, lr, momentum=0.9):
    d_p = grad + momentum * buffer
    new_buf = momentum * buffer + grad
    theta_new = theta - lr * d_p
    return theta_new, new_buf
