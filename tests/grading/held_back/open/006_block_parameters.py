# wrong: the 3×3 is counted as a full convolution, without groups
# kind: concept


def block_parameters(c_in, width, cardinality, c_out):
    mid = width * cardinality
    first = c_in * mid
    second = 3 * 3 * mid * mid
    third = mid * c_out
    return first + second + third
