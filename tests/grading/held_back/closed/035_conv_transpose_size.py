# wrong: the padding is taken off once, and the dilation is ignored
# kind: two


def conv_transpose_size(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    out = stride * (n - 1) + kernel
    out = out - padding + output_padding
    return out
