# wrong: ReLU6 behind the last 1×1 too: no linear bottleneck
# kind: concept
from torch import nn


class InvertedResidual(nn.Module):
    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__()
        hidden = c_in * expansion
        self.use_res = stride == 1 and c_in == c_out
        mods = []
        if expansion != 1:
            mods += self.block(c_in, hidden, 1)
        mods += self.block(hidden, hidden, 3, stride, hidden)
        mods += self.block(hidden, c_out, 1)
        self.conv = nn.Sequential(*mods)

    def block(self, i, o, k, s=1, g=1):
        return [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o), nn.ReLU6()]

    def forward(self, x):
        y = self.conv(x)
        return x + y if self.use_res else y
