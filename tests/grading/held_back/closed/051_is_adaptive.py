# wrong: an unknown name gives False instead of ValueError
# kind: guard


def is_adaptive(name):
    adaptive = {"adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamw"}
    return name in adaptive
