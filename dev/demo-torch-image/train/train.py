"""Fits a small neural network to two columns of numbers with PyTorch. Writes a checkpoint after each epoch. When it is told to
end (SIGTERM), at the latest at the job's stop time, it saves the weights, and only then.

train.py DATASET-FILE; CKPT_PATH, MODEL_PATH and EPOCHS come from the environment.
"""

import os
import pathlib
import signal
import sys

import torch

STEPS_PER_EPOCH = 10

torch.manual_seed(1857)
torch.set_num_threads(1)
dataset = pathlib.Path(sys.argv[1])
try:
    (dataset.parent / "written-by-a-job").touch()
    sys.exit("the data set can be written to")
except OSError:
    pass

rows = [line.split() for line in dataset.read_text().splitlines() if not line.startswith("#")]
x, y = (torch.tensor([[float(row[column])] for row in rows]) for column in (0, 1))
inputs, targets = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()

network = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)


def save_and_end(*_):
    torch.save(network.state_dict(), pathlib.Path(os.environ["MODEL_PATH"], "ds_model.bin"))
    print("told to end: the weights are saved", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, save_and_end)
for epoch in range(1, int(os.environ["EPOCHS"]) + 1):
    for _ in range(STEPS_PER_EPOCH):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(inputs), targets).backward()
        optimizer.step()
    with torch.no_grad():
        predictions = network(inputs) * y.std() + y.mean()
        loss = torch.nn.functional.mse_loss(predictions, y).item()
    print(f"epoch {epoch} loss {loss:.9f}", flush=True)
    lines = [f"loss {loss:.9f}"]
    lines += [f"prediction {row[0]} {value.item():.9f}" for row, value in zip(rows, predictions)]
    checkpoint = pathlib.Path(os.environ["CKPT_PATH"], f"epoch-{epoch:03}.txt")
    checkpoint.write_text("\n".join(lines) + "\n")

print("all epochs are done; waiting for the stop time", flush=True)
while True:
    signal.pause()
