# wrong: no ValueError where the kernel does not fit
# kind: guard


def output_size(n, kernel, stride=1, padding=0, dilation=1):
    k_eff = dilation * (kernel - 1) + 1
    return (n + 2 * padding - k_eff) // stride + 1
