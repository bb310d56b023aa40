"""How fast the GRUs of gru_lib are, as multiples of torch.nn.GRU's time."""

import os
from collections.abc import Callable
from statistics import geometric_mean

import numpy as np
import onnxruntime
import torch
from torch import nn

from gru_lib import torch_gru
from gru_lib.interop import GRUWeights, to_onnx_model
from gru_lib.numpy_gru import GRU
from gru_lib.timing import interleave, ratio

# (steps, batch, input_size, hidden_size)
SHAPES = [
    (50, 1, 32, 64),
    (100, 16, 32, 64),
    (100, 32, 64, 128),
    (100, 32, 128, 256),
    (200, 64, 256, 512),
    (784, 32, 1, 128),
    (35, 20, 200, 200),
    (1000, 1, 64, 64),
]
STREAM_SHAPES = [(32, 64), (64, 64), (64, 256), (128, 256), (256, 256)]
BASE = "torch.nn.GRU"


def sgemm_rate(size: int = 1024, rounds: int = 20) -> float:
    """Floating-point operations a second in NumPy's product of two square float32 matrices."""
    left, right = np.random.default_rng(0).random((2, size, size), np.float32)
    out = np.empty_like(left)
    times = interleave({"product": lambda: np.matmul(left, right, out=out)}, rounds=rounds)
    return 2 * size**3 / min(times["product"])


def product_operations(shape: tuple[int, int, int, int]) -> int:
    """Floating-point operations of the matrix products in one forward pass of a GRU."""
    steps, batch, input_size, hidden_size = shape
    return 2 * 3 * steps * batch * hidden_size * (input_size + hidden_size)


def onnx_session(gru: GRU, threads: int) -> onnxruntime.InferenceSession:
    """An onnxruntime session that runs the same GRU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = to_onnx_model(GRUWeights(gru.state_dict(), reset_after=True))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def gru_runs(shape: tuple[int, int, int, int], threads: int) -> tuple[dict, dict]:
    """Functions without arguments: forward passes, and forward and backward passes, by name."""
    steps, batch, input_size, hidden_size = shape
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps, batch, input_size)).astype(np.float32)
    d_output = rng.normal(size=(steps, batch, hidden_size)).astype(np.float32)
    gru = GRU(input_size, hidden_size, rng=0)
    modules: dict[str, nn.Module] = {
        BASE: nn.GRU(input_size, hidden_size),
        "torch from scratch": torch_gru.GRU(input_size, hidden_size),
        "torch.nn.LSTM": nn.LSTM(input_size, hidden_size),
        "torch.nn.RNN": nn.RNN(input_size, hidden_size),
    }
    state = {name: torch.from_numpy(array) for name, array in gru.state_dict().items()}
    modules[BASE].load_state_dict(state)
    modules["torch from scratch"].load_state_dict(state)
    session = onnx_session(gru, threads)
    feed = {"input": x, "h0": np.zeros((1, batch, hidden_size), np.float32)}
    forward: dict[str, Callable[[], object]] = {
        name: torch_forward(module, x) for name, module in modules.items()
    }
    forward["NumPy"] = lambda: gru(x)
    forward["onnxruntime"] = lambda: session.run(None, feed)
    both: dict[str, Callable[[], object]] = {
        name: torch_both(module, x, d_output) for name, module in modules.items()
    }
    both["NumPy"] = lambda: (gru(x), gru.backward(d_output))
    return forward, both


def torch_forward(module: nn.Module, x: np.ndarray) -> Callable[[], object]:
    """A forward pass as one makes it to predict: no gradients are kept."""
    tensor = torch.from_numpy(x)

    def run() -> object:
        with torch.no_grad():
            return module(tensor)

    return run


def torch_both(
    module: nn.Module, x: np.ndarray, d_output: np.ndarray, by_input: bool = True
) -> Callable[[], object]:
    """A forward and a backward pass, with gradients by all parameters and, if asked, the input."""
    tensor = torch.from_numpy(x.copy()).requires_grad_(by_input)
    d_output = torch.from_numpy(d_output)

    def run() -> None:
        module.zero_grad()
        tensor.grad = None
        output, _ = module(tensor)
        output.backward(d_output)

    return run


def stream_runs(input_size: int, hidden_size: int) -> dict[str, Callable[[], object]]:
    """Functions that make fifty steps of one sequence, by name."""
    gru = GRU(input_size, hidden_size, rng=0)
    cell = nn.GRUCell(input_size, hidden_size)
    cell.load_state_dict(
        {name[:-3]: torch.from_numpy(array) for name, array in gru.state_dict().items()}
    )
    stream, session = gru.stream(), onnx_session(gru, threads=1)
    x = np.random.default_rng(0).normal(size=input_size).astype(np.float32)
    tensor, feed_x = torch.from_numpy(x)[None], x[None, None]

    def run_cell() -> None:
        h = torch.zeros(1, hidden_size)
        for _ in range(50):
            h = cell(tensor, h)

    def run_cell_without_gradients() -> None:
        with torch.no_grad():
            run_cell()

    def run_stream() -> None:
        stream.reset()
        for _ in range(50):
            stream.step(x)

    def run_onnx() -> None:
        h = np.zeros((1, 1, hidden_size), np.float32)
        for _ in range(50):
            _, h = session.run(None, {"input": feed_x, "h0": h})

    return {
        "GRUCell": run_cell,
        "GRUCell, no_grad": run_cell_without_gradients,
        "NumPy": run_stream,
        "onnxruntime": run_onnx,
    }


def print_gru_table(
    threads: int, shapes: list[tuple[int, int, int, int]] = SHAPES, seconds: float = 4.0
) -> None:
    """Time all GRUs on all shapes and print ratios, worst and geometric mean last."""
    rate = sgemm_rate()
    print(f"{threads} thread(s); a product of two 1024 x 1024 float32 matrices in NumPy runs at")
    print(f"{rate / 1e9:.0f} GFLOP/s. Times as multiples of {BASE}'s, medians of interleaved runs;")
    print("'products' is what the matrix products alone would take at that rate.")
    for index, title in enumerate(("forward (no_grad)", "forward and backward")):
        rows = []
        for shape in shapes:
            functions = gru_runs(shape, threads)[index]
            times = interleave(functions, seconds)
            row = {name: ratio(times, name, BASE) for name in functions if name != BASE}
            floor = product_operations(shape) * (1, 3)[index] / rate
            row["products"] = floor / float(np.median(times[BASE]))
            if not rows:
                print(f"\n{title}\n{'T, B, I, H':20}" + "".join(f"{name:>20}" for name in row))
            print(f"{', '.join(map(str, shape)):20}" + "".join(f"{v:20.2f}" for v in row.values()))
            rows.append(row)
        for summary in (max, geometric_mean):
            values = [summary([row[name] for row in rows]) for name in rows[0]]
            name = "worst" if summary is max else "geometric mean"
            print(f"{name:20}" + "".join(f"{value:20.2f}" for value in values))


def print_stream_table(shapes: list[tuple[int, int]] = STREAM_SHAPES, seconds: float = 2.0) -> None:
    """Time one step of one sequence and print ratios."""
    print("\none step of one sequence, as multiples of torch.nn.GRUCell's time")
    for index, shape in enumerate(shapes):
        functions = stream_runs(*shape)
        times = interleave(functions, seconds)
        row = {name: ratio(times, name, "GRUCell") for name in functions if name != "GRUCell"}
        row["NumPy / no_grad"] = ratio(times, "NumPy", "GRUCell, no_grad")
        if index == 0:
            print(f"{'I, H':20}" + "".join(f"{name:>20}" for name in row))
        print(f"{', '.join(map(str, shape)):20}" + "".join(f"{v:20.2f}" for v in row.values()))


def main() -> None:
    """Print the tables for as many threads as OMP_NUM_THREADS says."""
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    torch.set_num_threads(threads)
    print_gru_table(threads)
    if threads == 1:
        print_stream_table()


if __name__ == "__main__":
    main()
