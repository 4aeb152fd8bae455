"""What every peer script shares: it answers one JSON line for each JSON line it is asked.

A script defines cases, classes with a constructor (untimed set-up, keyword settings), a method `step` (what
is timed) and any other methods that hand results over. `serve(about, cases)` then answers

    {"about": {}}                                 versions
    {"open": CASE, "settings": {...}}             builds the case
    {"time": CALLS}                               seconds per call of `step`, by perf_counter, in this process
    {"ask": METHOD, "settings": {...}}            what that method returns

with {"ok": ...} or {"error": "..."}. Arrays travel as {"shape": [...], "f32": base64 of little-endian C-order}
(those that `exact` wraps, and those sent so, as "f64") and bytes as {"base64": ...}, in both directions, so both sides
compute on the same bits.

Start the script as `python peer.py --threads N`; `threads()` sets the limits and must be called before
numpy or torch is imported.
"""

import base64
import json
import os
import sys
import time
import traceback


def threads():
    """Reads `--threads N` and limits every numerical library that is imported afterwards."""
    n = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ[name] = str(n)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return n


def encode(value):
    """Arrays (numpy or torch) and bytes as JSON can carry them."""
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        if value.shape == ():
            return value.item()
        data = value.astype("<f4").tobytes(order="C")
        return {"shape": list(value.shape), "f32": base64.b64encode(data).decode()}
    return value


def exact(value):
    """An array that travels in double precision."""
    import numpy

    value = numpy.asarray(value, dtype="<f8")
    return {"shape": list(value.shape), "f64": base64.b64encode(value.tobytes(order="C")).decode()}


def decode(value):
    """The inverse of `encode`: arrays come back as numpy arrays of f32 or f64."""
    if isinstance(value, list):
        return [decode(v) for v in value]
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            return base64.b64decode(value["base64"])
        if set(value) == {"shape", "f32"}:
            import numpy

            data = numpy.frombuffer(base64.b64decode(value["f32"]), dtype="<f4")
            return data.reshape(value["shape"]).copy()
        if set(value) == {"shape", "f64"}:
            import numpy

            data = numpy.frombuffer(base64.b64decode(value["f64"]), dtype="<f8")
            return data.reshape(value["shape"]).copy()
        return {k: decode(v) for k, v in value.items()}
    return value


def serve(about, cases):
    """Answers requests until standard input ends."""
    # Libraries print; what they print must not land between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    case = None

    def answer(request):
        nonlocal case
        settings = decode(request.get("settings", {}))
        if "about" in request:
            return about()
        if "open" in request:
            case = None  # frees the last one before the next is built
            case = cases[request["open"]](**settings)
            return {}
        if "time" in request:
            calls = int(request["time"])
            begin = time.perf_counter()
            for _ in range(calls):
                case.step()
            return (time.perf_counter() - begin) / calls
        return getattr(case, request["ask"])(**settings)

    for line in sys.stdin:
        try:
            reply = {"ok": encode(answer(json.loads(line)))}
        except Exception as e:  # a failure is an answer too
            traceback.print_exc()
            reply = {"error": f"{type(e).__name__}: {e}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
