# wrong: the pointwise layer is left out of the multiply-adds' map: it counts once
# kind: concept


def separable_cost(c_in, c_out, kernel, height, width):
    depthwise = c_in * kernel ** 2
    pointwise = c_in * c_out
    params = depthwise + pointwise
    macs = depthwise * height * width + pointwise
    return params, macs
