# wrong: L(L − 1)/2: the connections to the input are forgotten
# kind: concept


def dense_connections(num_layers):
    count = 0
    for i in range(num_layers):
        for j in range(i):
            count += 1
    return count
