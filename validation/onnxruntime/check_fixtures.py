#!/usr/bin/env python3
"""Runs every network in the repository through onnxruntime and through the neurohm binary and compares.

usage: python check_fixtures.py NEUROHM_BINARY [MODEL.onnx ...]

Without models: every .onnx under crates/nn/tests/fixtures/onnx and crates/studies/assets. Inputs are random,
saved as compressed npz in C and in Fortran order in turn. Outputs must have onnxruntime's shape and lie within 1e-4
of max|output|; of outputs in half precision one element in a hundred may round to the neighbouring half. A file that
onnxruntime refuses, or that lies beside a file "refused", must be refused by neurohm, with exit code 1 or 2. Where steps stand
before the batch, neurohm takes and gives samples first.
Exits with 1 on any difference.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACES = ("crates/nn/tests/fixtures/onnx", "crates/studies/assets")
ALLOWED = 1e-4
DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
          "tensor(int64)": np.int64}
quiet = onnxruntime.SessionOptions()
quiet.log_severity_level = 4
quiet.intra_op_num_threads = 1


def label(model):
    return f"{model.parent.name}/{model.name}"


def batch_axis(sizes):
    """The first axis, unless only a later one is open."""
    open_ones = [i for i, s in enumerate(sizes) if not isinstance(s, int)]
    return open_ones[0] if len(open_ones) == 1 else 0


def reference(session, x):
    """onnxruntime's first output, in pieces where the model fixes its batch; samples first, as neurohm has them."""
    declared = session.get_inputs()[0]
    place = batch_axis(declared.shape)
    if place:
        out = session.get_outputs()[0]
        y = session.run([out.name], {declared.name: np.moveaxis(x, 0, place).astype(DTYPES[declared.type])})[0]
        return np.moveaxis(y, list(out.shape).index(declared.shape[place]), 0).astype(np.float64)
    batch = declared.shape[0] if isinstance(declared.shape[0], int) else len(x)
    name, kind = session.get_outputs()[0].name, DTYPES[declared.type]
    parts = [session.run([name], {declared.name: x[i : i + batch].astype(kind)})[0] for i in range(0, len(x), batch)]
    return np.concatenate(parts).astype(np.float64)


def ours(binary, model, x, order, folder):
    """neurohm's outputs, or the message it ended with."""
    data = folder / "x.npz"
    np.savez_compressed(data, x=np.asarray(x, order=order))
    command = [binary, "eval", str(model), "--chip", "ideal", "--data", f"npz:{data}", "--out", str(folder / "run"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        return None, done
    return np.load(folder / "run" / "outputs.npy"), done


def refused(binary, model):
    """A file onnxruntime cannot load: ours must say so in words and end with 1 or 2."""
    with tempfile.TemporaryDirectory() as name:
        _, done = ours(binary, model, np.zeros((1, 1), np.float32), "C", pathlib.Path(name))
    return done.returncode in (1, 2) and done.stderr.strip() != ""


def check(binary, model, index):
    """None if both agree, else what differs."""
    if (model.parent / "refused").exists():
        return None if refused(binary, model) else "neurohm does not refuse the file"
    try:
        session = onnxruntime.InferenceSession(str(model), quiet, providers=["CPUExecutionProvider"])
    except Exception:
        return None if refused(binary, model) else "onnxruntime refuses the file and neurohm does not"
    inputs = session.get_inputs()
    if len(inputs) != 1:
        return f"has {len(inputs)} inputs; an npz holds one x"
    sizes = list(inputs[0].shape)
    sizes.insert(0, sizes.pop(batch_axis(sizes)))
    if inputs[0].type not in DTYPES or not all(isinstance(s, int) for s in sizes[1:]):
        return f"its input is {inputs[0].type} {sizes}; give every axis but the first a length"
    fixed = sizes[0] if isinstance(sizes[0], int) else 1
    rng = np.random.default_rng(index)
    shape = (fixed * -(-7 // fixed), *sizes[1:])
    x = (rng.standard_normal(shape) if index % 2 else rng.uniform(0, 1, shape)).astype(np.float32)
    if inputs[0].type == "tensor(int64)":  # tokens, of tables with more rows than that
        x = np.floor(np.abs(x) * 5) % 5
    if inputs[0].type == "tensor(float16)":  # both sides must see the same numbers
        x = x.astype(np.float16).astype(np.float32)
    expected = reference(session, x)
    order = "F" if index % 3 == 0 else "C"
    with tempfile.TemporaryDirectory() as name:
        got, done = ours(binary, model, x, order, pathlib.Path(name))
    if got is None:
        return f"neurohm ended with {done.returncode}: {done.stderr.strip()[-500:]}"
    if got.shape != expected.shape:
        return f"shape {got.shape}, onnxruntime {expected.shape}"
    if session.get_outputs()[0].type == "tensor(float16)":
        # A value beside the border between two halves may round to the other one.
        off = (got != expected) & (np.abs(got - expected) <= np.spacing(np.abs(expected).astype(np.float16)))
        if off.sum() > max(1, off.size / 100):
            return f"{off.sum()} of {off.size} elements round to the other half"
        got = np.where(off, expected, got)
    largest = max(np.abs(expected).max(), np.finfo(np.float32).tiny)
    difference = np.abs(got - expected).max() / largest
    print(f"{difference:9.2e}  {order}  {label(model)} {tuple(shape)} -> {expected.shape}")
    # `not <=` so that NaN fails.
    return None if difference <= ALLOWED else f"differs by {difference:.2e} of max|output|, allowed {ALLOWED:.0e}"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary = sys.argv[1]
    models = [pathlib.Path(m) for m in sys.argv[2:]]
    models = models or sorted(m for place in PLACES for m in (ROOT / place).rglob("*.onnx"))
    if not models:
        sys.exit(f"no .onnx under {' or '.join(PLACES)}: nothing was checked")
    wrong = [(model, why) for i, model in enumerate(models) if (why := check(binary, model, i))]
    for model, why in wrong:
        print(f"DIFFERS  {label(model)}: {why}", file=sys.stderr)
    print(f"{len(models) - len(wrong)} of {len(models)} networks agree with onnxruntime {onnxruntime.__version__}")
    sys.exit(1 if wrong else 0)


main()
