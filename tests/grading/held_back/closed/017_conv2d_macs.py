# wrong: divides both channel numbers by groups
# kind: concept


def conv2d_macs(c_in, c_out, kernel, height, width, groups=1):
    ci = c_in // groups
    co = c_out // groups
    return ci * co * kernel * kernel * height * width
