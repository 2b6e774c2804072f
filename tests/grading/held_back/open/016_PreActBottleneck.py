# wrong: one batch norm is used twice, for the second and the third convolution
# kind: slip
import torch.nn.functional as F
from torch import nn


class PreActBottleneck(nn.Module):
    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        self.norm_in = nn.BatchNorm2d(c_in)
        self.norm_mid = nn.BatchNorm2d(c_mid)
        self.reduce = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.spatial = nn.Conv2d(c_mid, c_mid, 3, stride=stride, padding=1, bias=False)
        self.expand = nn.Conv2d(c_mid, c_mid * 4, 1, bias=False)
        self.need = stride != 1 or c_in != c_mid * 4
        if self.need:
            self.proj = nn.Conv2d(c_in, c_mid * 4, 1, stride=stride, bias=False)

    def forward(self, x):
        pre = F.relu(self.norm_in(x))
        res = self.reduce(pre)
        res = self.spatial(F.relu(self.norm_mid(res)))
        res = self.expand(F.relu(self.norm_mid(res)))
        return res + (self.proj(pre) if self.need else x)
