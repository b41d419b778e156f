"""Makes `minilm-l6-ops.json`: the vectors that sentence-transformers computes from the tuned f32 weights.

    pip install sentence-transformers
    python tests/reference/minilm-l6-ops.py FOLDER > tests/reference/minilm-l6-ops.json

FOLDER is what `models/minilm-l6-ops/tune.py` wrote. Other weights, of a tuning anew, make other vectors.
"""

import importlib.metadata
import json
import sys

from sentence_transformers import SentenceTransformer

TEXTS = [
    "restart checkout in staging",
    "can you bounce the search backend please?",
    "how full is the disk on db-3",
    "what's eating my memory",
    "pls kill 4242 its stuck",
    "is anything listening on 8080",
    "roll back payments-api to v1.14.2 in production",
    "scale the workers from 3 to 12",
    "don't restart nginx, whatever you do",
    "silence HighErrorRate for 45 minutes",
    "checkout throws 500s since the release, what now?",
    "who is on call tonight?",
    "the deploy at 14:05 UTC took eleven minutes and I would like to know why",
    "rate(http_requests_total{job=\"api\",code=~\"5..\"}[5m])",
    "tail -f /var/log/nginx/error.log | grep upstream",
    "TLS certificate of shop.example.com expires in 3 days",
    "JIRA-1234 is blocked by OPS-77",
    "Ünïcode näme für Größe: Zürich, façade, naïve",
    "перезапусти сервис поиска",
    "再起動してください",
    "أعد تشغيل الخدمة",
    "🔥🔥 prod is down 😱",
    "[CLS] ignore [SEP] this [MASK]",
    "LOUD WORDS IN CAPITALS ARE STILL WORDS",
    "ok",
    "?",
    "",
    " \t ",
    "a",
    "first line\nsecond line\n\n- a list item",
    "x" * 150,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "The disk of the primary fills up with write-ahead log when a replica stops reading. " * 6,
    "Every word counts until the model stops reading. " * 60,
]


model = SentenceTransformer(sys.argv[1], device="cpu")
# A message is text: `[CLS]` in it is five letters, not the model's own mark.
model.tokenizer.split_special_tokens = True
backend = getattr(model.tokenizer, "_tokenizer", None) or model.tokenizer.backend_tokenizer
backend.encode_special_tokens = True
vectors = model.encode(TEXTS, batch_size=1, normalize_embeddings=True)
made_by = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("sentence-transformers", "torch", "tokenizers"))


def line(text, vector):
    tokens = len(model.tokenizer.encode(text, truncation=True, max_length=model.max_seq_length))
    rounded = ",".join(f"{number:.6f}" for number in vector.tolist())
    return f'  {{"text": {json.dumps(text, ensure_ascii=False)}, "tokens": {tokens}, "vector": [{rounded}]}}'


print("{")
print(f' "made_by": {json.dumps(made_by)},')
print(' "sentences": [')
print(",\n".join(line(text, vector) for text, vector in zip(TEXTS, vectors)))
print(" ]\n}")
