"""Writes a TorchScript module that orders the carousels of scenarios/item_page.yaml.

    rehearsal validate scenarios/item_page.yaml --inputs > inputs.txt
    python3 docs/examples/torchscript/export.py inputs.txt model.pt
    rehearsal run docs/examples/torchscript/scenario.yaml --set policies.mine.file=model.pt

Needs PyTorch of the version that Rehearsal was built with, or an older one (Debian: python3-torch).
"""

import sys
from typing import List

import torch


class Scorer(torch.nn.Module):
    # Columns of the input, in order. Without this attribute: all, as `--inputs` prints them.
    inputs: List[str]
    # What the columns of the output are of. Without it: the scenario's modules, in its order.
    outputs: List[str]

    def __init__(self, inputs: List[str], outputs: List[str]):
        super().__init__()
        self.inputs = inputs
        self.outputs = outputs
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(len(inputs), 16), torch.nn.ReLU(), torch.nn.Linear(16, len(outputs))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # (n, inputs) to (n, outputs)


MODULES = [
    "similar", "similar_sponsored", "also_viewed", "bought_together", "more_from_seller",
    "recently_viewed", "for_you", "best_sellers", "same_product_cheaper", "explore_categories",
]  # fmt: skip

if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        names = file.read().split()
    torch.manual_seed(1)
    torch.jit.save(torch.jit.script(Scorer(names, MODULES).eval()), sys.argv[2])
