# wrong: Keras has no batch counter: 2C buffers
# kind: convention


def batchnorm_parameter_count(channels):
    trainable = 2 * channels
    non_trainable = 2 * channels
    return trainable, non_trainable
