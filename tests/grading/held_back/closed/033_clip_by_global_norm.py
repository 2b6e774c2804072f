# wrong: scales the caller's arrays in place
# kind: slip


def clip_by_global_norm(grads, max_norm):
    total = 0.0
    for g in grads:
        total += float((g ** 2).sum())
    norm = total ** 0.5
    if norm > max_norm:
        for g in grads:
            g *= max_norm / norm
    return grads, norm
