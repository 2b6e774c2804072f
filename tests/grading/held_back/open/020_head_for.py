# wrong: an unknown task raises KeyError instead of ValueError
# kind: guard


def head_for(task):
    table = dict(
        binary=("sigmoid", "binary cross-entropy"),
        multiclass=("softmax", "cross-entropy"),
        multilabel=("sigmoid", "binary cross-entropy"),
    )
    return table[task]
