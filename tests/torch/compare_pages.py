"""Exports a module with export.py, serves it, and compares the pages with PyTorch's own scores.

    python3 compare_pages.py PROGRAM SOURCE FOLDER

PROGRAM: rehearsal. SOURCE: the source tree. FOLDER: to work in. Status 77 without PyTorch or h5py.
"""

import json
import math
import pathlib
import random
import subprocess
import sys

try:
    import h5py
    import torch
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

N_REQUESTS = 300
TEMPERATURE = 0.5
TOLERANCE = 1e-5


def call(*command, **more):
    command = [str(word) for word in command]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def features_of(catalogue):
    """Name and levels of each feature of a request; no levels: a number."""
    with h5py.File(catalogue) as file:
        features = file["features"]
        levels = iter(level.decode() for level in features["level"])
        for name, n in zip(features["name"], features["n_levels"]):
            yield name.decode(), [next(levels) for _ in range(int(n))]


def request_of(draw, number, features, modules):
    context = {
        name: draw.choice(levels) if levels else round(draw.gauss(0, 1), 3)
        for name, levels in features
    }
    shown = draw.sample(modules, draw.randint(6, len(modules)))
    items = [{"module": name, "items": draw.sample(range(900), 8)} for name in shown]
    return {"id": number, "context": context, "modules": items}


def encoded(context, inputs):
    """A column a name: "feature=level" is 1 or 0, a feature its number."""
    row = []
    for name in inputs:
        feature, _, level = name.partition("=")
        row.append(float(context[feature] == level) if level else context[feature])
    return torch.tensor([row])


def log_probability(scores, eligible, page):
    """Of a page under Plackett-Luce with weights exp(score / temperature)."""
    left = {name: scores[name] / TEMPERATURE for name in eligible}
    total = 0.0
    for name in page:
        total += left[name] - math.log(sum(math.exp(score) for score in left.values()))
        del left[name]
    return total


def main(program, source, folder):
    example = pathlib.Path(source) / "docs/examples/torchscript"
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names, model, run = folder / "inputs.txt", folder / "model.pt", folder / "run"
    item_page = pathlib.Path(source) / "scenarios/item_page.yaml"
    names.write_text(call(program, "validate", item_page, "--inputs"))
    call(sys.executable, example / "export.py", names, model)
    settings = [f"policies.mine.file={model}", f"policies.mine.temperature={TEMPERATURE}"]
    changes = [word for setting in settings for word in ("--set", setting)]
    call(program, "run", example / "scenario.yaml", "--out", run, "--force", *changes)

    module = torch.jit.load(str(model))
    served = run / "policies/mine"
    features = list(features_of(served / "catalogue.h5"))
    draw = random.Random(1)
    requests = [request_of(draw, i, features, module.outputs) for i in range(N_REQUESTS)]
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    answered = call(program, "rank", "--policy", served, input=lines)
    answers = [json.loads(line) for line in answered.splitlines()]

    worst = 0.0
    for request, answer in zip(requests, answers):
        with torch.no_grad():
            row = module(encoded(request["context"], module.inputs))[0].tolist()
        scores = dict(zip(module.outputs, row))
        eligible = [shown["module"] for shown in request["modules"]]
        page = [shown["module"] for shown in answer["page"]]
        expected = log_probability(scores, eligible, page)
        worst = max(worst, abs(math.log(answer["pscore"]) - expected))
    print(f"{len(answers)} pages; log probabilities differ by {worst:.2g} at most")
    return 0 if len(answers) == N_REQUESTS and worst < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
