# wrong: no ReLU behind the 1×1 reductions
# kind: concept
import torch
import torch.nn.functional as F
from torch import nn


class InceptionV1(nn.Module):
    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        self.b1 = nn.Conv2d(c_in, c1, kernel_size=1)
        self.b3_1 = nn.Conv2d(c_in, c3_reduce, kernel_size=1)
        self.b3_2 = nn.Conv2d(c3_reduce, c3, kernel_size=3, padding=1)
        self.b5_1 = nn.Conv2d(c_in, c5_reduce, kernel_size=1)
        self.b5_2 = nn.Conv2d(c5_reduce, c5, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.proj = nn.Conv2d(c_in, c_pool, kernel_size=1)

    def forward(self, x):
        y1 = self.b1(x)
        y2 = self.b3_2(self.b3_1(x))
        y3 = self.b5_2(self.b5_1(x))
        y4 = self.proj(self.pool(x))
        return F.relu(torch.cat((y1, y2, y3, y4), dim=1))
