# wrong: no ReLU after the sum, and the scale is hard-coded
# kind: two
import torch
from torch import nn


class InceptionResNet(nn.Module):
    def __init__(self, c_in, scale=0.1):
        super().__init__()

        def unit(i, o, k):
            return nn.Sequential(nn.Conv2d(i, o, k, padding=k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU())

        self.a = unit(c_in, 32, 1)
        self.b = nn.Sequential(unit(c_in, 32, 1), unit(32, 32, 3))
        self.c = nn.Sequential(unit(c_in, 32, 1), unit(32, 48, 3), unit(48, 64, 3))
        self.up = nn.Conv2d(128, c_in, 1)

    def forward(self, x):
        cat = torch.cat([self.a(x), self.b(x), self.c(x)], 1)
        return x + 0.1 * self.up(cat)
