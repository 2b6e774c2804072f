# wrong: the locally connected layer shares its biases over the positions
# kind: concept


def parameter_counts(c_in, c_out, kernel, height, width):
    w = kernel * kernel * c_in
    conv = w * c_out + c_out
    local = w * c_out * height * width + c_out
    n_in = c_in * height * width
    n_out = c_out * height * width
    fc = n_in * n_out + n_out
    return conv, local, fc
