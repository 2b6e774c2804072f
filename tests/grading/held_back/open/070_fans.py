# wrong: Keras' layout of the kernel: (kH, kW, C_in, C_out)
# kind: convention


def fans(shape):
    if len(shape) == 2:
        return shape[1], shape[0]
    receptive = 1
    for s in shape[:-2]:
        receptive *= s
    return receptive * shape[-2], receptive * shape[-1]
