# wrong: groups=32 is hard-coded (cardinality only sets the width)
# kind: slip
import torch.nn.functional as F
from torch import nn


class ResNeXtBlock(nn.Module):
    def __init__(self, c_in, width, cardinality, c_out, stride=1):
        super().__init__()
        D = width * cardinality
        self.conv_reduce = nn.Conv2d(c_in, D, kernel_size=1, bias=False)
        self.bn_reduce = nn.BatchNorm2d(D)
        self.conv_conv = nn.Conv2d(D, D, kernel_size=3, stride=stride, padding=1, groups=32, bias=False)
        self.bn = nn.BatchNorm2d(D)
        self.conv_expand = nn.Conv2d(D, c_out, kernel_size=1, bias=False)
        self.bn_expand = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Sequential()
        if c_in != c_out or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(c_in, c_out, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x):
        out = F.relu(self.bn_reduce(self.conv_reduce(x)))
        out = F.relu(self.bn(self.conv_conv(out)))
        out = self.bn_expand(self.conv_expand(out))
        return F.relu(self.shortcut(x) + out)
