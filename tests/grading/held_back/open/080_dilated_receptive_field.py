# wrong: the dilation is multiplied into the jump, so later layers grow too much
# kind: concept


def dilated_receptive_field(layers):
    rf = 1
    step = 1
    for k, s, d in layers:
        step = step * d
        rf += (k - 1) * step
        step = step * s
    return rf
