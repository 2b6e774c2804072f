# wrong: adds one for the short batch even where batch_size divides n
# kind: concept


def iterations_per_epoch(n, batch_size, drop_last=False):
    full = n // batch_size
    if drop_last:
        return full
    return full + 1
