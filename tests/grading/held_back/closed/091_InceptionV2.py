# wrong: only one 3×3 in the third branch, and the convolutions keep their bias
# kind: two
import torch
from torch import nn


class InceptionV2(nn.Module):
    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        self.b1 = self.cbr(c_in, c1, 1, 0)
        self.b2 = nn.Sequential(self.cbr(c_in, c3_reduce, 1, 0), self.cbr(c3_reduce, c3, 3, 1))
        self.b3 = nn.Sequential(self.cbr(c_in, c5_reduce, 1, 0), self.cbr(c5_reduce, c5, 3, 1))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), self.cbr(c_in, c_pool, 1, 0))

    def cbr(self, a, b, k, p):
        return nn.Sequential(nn.Conv2d(a, b, k, padding=p), nn.BatchNorm2d(b), nn.ReLU())

    def forward(self, x):
        outs = [b(x) for b in (self.b1, self.b2, self.b3, self.b4)]
        return torch.cat(outs, 1)
