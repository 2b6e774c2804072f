# wrong: dgamma and dbeta are summed over the first axis only
# kind: slip


def layernorm_backward(dout, x, gamma, eps=1e-5):
    D = x.shape[-1]
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    inv = (var + eps) ** -0.5
    xh = (x - mu) * inv
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xh).sum(axis=0)
    dxh = dout * gamma
    dx = inv / D * (D * dxh - dxh.sum(axis=-1, keepdims=True) - xh * (dxh * xh).sum(axis=-1, keepdims=True))
    return dx, dgamma, dbeta
