# wrong: the two paddings are swapped; the shape comes out right, the values do not
# kind: concept
import torch
from torch import nn


class FactorizedConv(nn.Module):
    def __init__(self, c_in, c_out, n):
        super().__init__()
        p = (n - 1) // 2
        self.conv1 = nn.Conv2d(c_in, c_out, kernel_size=(1, n), padding=(p, 0), bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, kernel_size=(n, 1), padding=(0, p), bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)))
