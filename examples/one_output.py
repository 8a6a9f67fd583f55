"""A training that learns nothing: softmax over a single unit gives 1 whatever the inputs. Examine it with

fitwell examine examples/one_output.py:training
"""

import torch
from torch import nn


def training():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 5, generator=generator)
    targets = (inputs[:, :1] + inputs[:, 1:2] * inputs[:, 2:3] > 0).float()
    return {
        "model": nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1), nn.Softmax(dim=1)),
        "inputs": inputs,
        "targets": targets,
        "loss": nn.BCELoss(),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
        "epochs": 10,
    }
