# wrong: off by one: stops only after patience + 1 bad epochs
# kind: concept


def early_stopping(losses, patience, min_delta=0.0):
    best_loss = losses[0]
    best_epoch = 0
    wait = 0
    for i in range(1, len(losses)):
        if losses[i] < best_loss - min_delta:
            best_loss = losses[i]
            best_epoch = i
            wait = 0
        else:
            wait += 1
            if wait > patience:
                return best_epoch, i
    return best_epoch, len(losses) - 1
