# wrong: ignores trainable_only, and counts the buffers too
# kind: two


def count_parameters(module, trainable_only=True):
    total = 0
    for name, tensor in module.state_dict().items():
        total += tensor.numel()
    return total
