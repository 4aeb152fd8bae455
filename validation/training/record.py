#!/usr/bin/env python3
"""Trains the built-in networks on MNIST in full and records what they reach.

usage: python record.py NEUROHM_BINARY MNIST_FOLDER [--models mlp,cnn] [--seeds 1] [--to FILE.jsonl]

One JSON line a training: the command, the test accuracy and its interval as `neurohm train --json` gives them, what the
project promises (98 % for `mlp`, 99 % for `cnn`) and whether that was reached. The lines go to standard output, and are
added to FILE where one is named. Exits with 1 if a promise is missed.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile

PROMISED = {"mlp": 98.0, "cnn": 99.0}  # per cent


def train(binary, model, data, seed):
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "trained.onnx"
        options = ["train", model, "--data", f"mnist:{data}", "--seed", str(seed), "--json"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run([binary, *options, "--out", str(target)], capture_output=True, text=True)
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    if done.returncode:
        sys.exit(f"neurohm train {model} ended with {done.returncode}: {done.stderr.strip()}")
    record = json.loads(done.stdout)
    accuracy = record["scalars"]["test_accuracy"]
    return {
        "case": f"mnist_{model}",
        # The folder's place is the machine's own business.
        "command": f"neurohm train {model} --data mnist:DIR --seed {seed} --json",
        "test_accuracy_percent": accuracy["value"],
        "ci95": accuracy["ci95"],
        "promised": PROMISED[model],
        "agree": accuracy["value"] >= PROMISED[model],
        "cpu_s": round(cpu, 1),
        "neurohm": record["version"],
    }


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary")
    p.add_argument("data")
    p.add_argument("--models", default="mlp,cnn")
    p.add_argument("--seeds", default="1")
    p.add_argument("--to")
    args = p.parse_args()
    missed = False
    for model in args.models.split(","):
        if model not in PROMISED:
            sys.exit(f"nothing is promised of {model}, only of {', '.join(PROMISED)}")
        for seed in args.seeds.split(","):
            line = train(args.binary, model, args.data, int(seed))
            missed |= not line["agree"]
            print(json.dumps(line), flush=True)
            if args.to:
                with open(args.to, "a") as file:
                    file.write(json.dumps(line) + "\n")
    sys.exit(missed)


main()
