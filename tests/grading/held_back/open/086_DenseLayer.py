# wrong: returns the input joined with the new maps, as old torchvision's layer does
# kind: convention
import torch
from torch import nn


class DenseLayer(nn.Module):
    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        inner = bn_size * growth_rate
        self.net = nn.Sequential(
            nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, inner, 1, bias=False),
            nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, growth_rate, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return torch.cat([x, self.net(x)], 1)
