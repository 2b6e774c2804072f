# wrong: warmup_steps = 0 divides by zero
# kind: guard


def scaled_lr(step, base_lr, base_batch, batch_size, warmup_steps):
    peak = base_lr * (batch_size / base_batch)
    warm = min(1.0, (step + 1) / warmup_steps)
    return peak * warm
