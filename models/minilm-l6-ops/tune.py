"""Tunes a sentence encoder on operations language, ahead of time and on a CPU; `README.md` beside this file says with
which commands the shipped weights were made, and what it brought.

What is learned, all at once, with heads that are thrown away afterwards:
- the intent of every example of `intents/`, from the whole sentence and once more from what is left without its values;
  a not-example pushes away from its intent alone; lines of `none.txt` have sixteen prototypes of their own;
- of which parameter's value each word piece is a part;
- with `--public`: the intents of the training parts of CLINC150 and BANKING77, the intents and slots of SNIPS' training part;
- to stay what it was: sentences of runbooks and of shell questions keep the vector that the untuned encoder gives them.

Names are swapped for others of their type, and letters now and then, so that neither is learned by heart. The embeddings
of the word pieces stay as they are: most words of an organisation occur in no example.

Needs torch 2.4, transformers 4.57, tokenizers and safetensors. Writes a folder for `sayso model import`.
"""

import argparse
import glob
import json
import math
import os
import random
import re
import shutil
import time
import tomllib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

args = argparse.ArgumentParser(description="tune a sentence encoder on operations language")
args.add_argument("--base", required=True, help="the untuned sentence-transformers folder, which is also the teacher")
args.add_argument("--start", help="the folder to begin with, if it is not the untuned one")
args.add_argument("--intents", required=True, help="the folder `intents/`")
args.add_argument("--data", required=True, help="the folder of public sets")
args.add_argument("--out", required=True, help="the folder to write")
args.add_argument("--public", action="store_true", help="learn the training parts of public intent sets as well")
args.add_argument("--epochs", type=float, default=2)
args.add_argument("--rate", type=float, default=4e-5, help="AdamW's largest step")
args.add_argument("--batch", type=int, default=48)
args.add_argument("--general", type=int, default=20, help="how many general sentences a batch of these has")
args.add_argument("--every", type=int, default=3, help="after how many steps there is one of these")
args.add_argument("--threads", type=int, default=1)
A = args.parse_args()
random.seed(7)
torch.manual_seed(7)
torch.set_num_threads(A.threads)

SCALE = 20  # of the cosines, before the softmax
SMOOTHING = 0.05  # of the labels
TAGGING = 0.5  # the weight of the loss over word pieces
STAYING = 2.0  # and of the distance to the teacher
NONES = 16  # prototypes of "no command"

MARK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def parse(line):
    """The text of an example, and its marked spans with what they are marked as."""
    text, spans, at = "", [], 0
    for m in MARK.finditer(line):
        text += line[at : m.start()]
        spans.append((len(text), len(text) + len(m[1]), m[2].split(":")[0]))
        text += m[1]
        at = m.end()
    return text + line[at:], spans


# Rows are (text, class, spans); a class of -2 - c means "not c"; spans are (from, to, parameter, type).
ours, names = [], {}
files = sorted(glob.glob(A.intents + "/*.toml"))
NONE = len(files)
for c, file in enumerate(files):
    intent = tomllib.load(open(file, "rb"))
    types = {name: parameter.get("type") for name, parameter in intent.get("parameters", {}).items()}
    for example in intent["examples"]:
        text, spans = parse(example)
        spans = [(a, b, p, types.get(p)) for a, b, p in spans]
        for a, b, p, t in spans:
            names.setdefault(t, set()).add(text[a:b])
        ours.append((text, c, spans))
    for example in intent.get("not_examples", []):
        ours.append((parse(example)[0], -2 - c, []))
for line in open(A.intents + "/none.txt"):
    line = line.strip()
    if line and not line.startswith("#"):
        text, spans = parse(line)
        ours.append((text, NONE, [(a, b, None, t) for a, b, t in spans]))
SWAPPED = set(
    "service environment host team person repository pipeline database dashboard playbook workspace component flag alert".split()
)
names = {t: sorted(v) for t, v in names.items() if t in SWAPPED}
parameters = sorted({p for _, _, spans in ours for _, _, p, _ in spans if p})


def augment(text, spans):
    """Other names, and now and then a slip of the fingers outside of them, or no mark at the end."""
    out, new, at = "", [], 0
    for a, b, p, t in sorted(spans, key=lambda span: span[:2]):
        if a < at:
            continue
        out += text[at:a]
        value = text[a:b]
        if t in names and random.random() < 0.5:
            value = random.choice(names[t])
        new.append((len(out), len(out) + len(value), p, t))
        out += value
        at = b
    out += text[at:]
    chance = random.random()
    if chance < 0.12 and len(out) > 12:
        i = random.randrange(1, len(out) - 2)
        if not any(a <= i + 1 and i <= b for a, b, _, _ in new) and out[i].isalpha() and out[i + 1].isalpha():
            out = out[:i] + out[i + 1] + out[i] + out[i + 2 :]
    elif chance < 0.25:
        out = out.rstrip("?.!")
    return out, new


def tsv(path):
    with open(path, encoding="utf-8") as f:
        head = f.readline().rstrip("\n").split("\t")
        for line in f:
            yield dict(zip(head, line.rstrip("\n").split("\t")))


def few(rows, most):
    """At most so many rows of each class, and how many classes there are."""
    by = {}
    for text, name in rows:
        by.setdefault(name, []).append(text)
    picked = [(t, i, []) for i, n in enumerate(sorted(by)) for t in random.sample(by[n], min(most, len(by[n])))]
    return picked, len(by)


public = {}
if A.public:
    rows = tsv(A.data + "/clinc150/data_full.tsv")
    clinc = [(r["text"], r["intent"]) for r in rows if r["split"] == "train" and r["intent"] != "oos"]
    rows = tsv(A.data + "/banking77/banking77_original.tsv")
    banking = [(r["text"], r["intent"]) for r in rows if r["split"] == "train"]
    public["clinc"] = few(clinc, 30)
    public["bank"] = few(banking, 40)
    snips = [json.loads(line) for line in open(A.data + "/snips/snips_spans.jsonl")]
    snips = [s for s in snips if s["split"] == "train_full"]
    random.shuffle(snips)
    snips = snips[:3500]
    intents = sorted({s["intent"] for s in snips})
    slots = sorted({e[2] for s in snips for e in s["entities"]})
    rows = [(s["text"], intents.index(s["intent"]), [(a, b, t, None) for a, b, t in s["entities"]]) for s in snips]
    public["snips"] = (rows, len(intents))

general = [r["text"] for r in tsv(A.data + "/ops_commands/nl2bash.tsv")][::3]
for path in glob.glob(A.data + "/runbooks/*/**/*.md", recursive=True):
    general += [line.strip() for line in open(path, encoding="utf-8") if 30 < len(line.strip()) < 200][:20]
general += [t for t, _, _ in ours if random.random() < 0.2]

tokenizer = Tokenizer.from_file(A.base + "/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(64)
shape = BertConfig.from_json_file(A.base + "/config.json")


def model(folder):
    network = BertModel(shape, add_pooling_layer=False)
    weights = {k.removeprefix("bert."): v.float() for k, v in load_file(folder + "/model.safetensors").items()}
    network.load_state_dict(weights, strict=False)
    return network


network, teacher = model(A.start or A.base), model(A.base).eval()
for p in [*teacher.parameters(), *network.embeddings.parameters()]:
    p.requires_grad_(False)


def batch(rows):
    encodings = [tokenizer.encode(row[0]) for row in rows]
    longest = max(len(e.ids) for e in encodings)
    ids, mask = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest)
    for i, e in enumerate(encodings):
        ids[i, : len(e.ids)] = torch.tensor(e.ids)
        mask[i, : len(e.ids)] = 1
    return encodings, ids, mask


def states(network, ids, mask):
    return network(input_ids=ids, attention_mask=mask).last_hidden_state


def pooled(states, mask):
    return F.normalize((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1), dim=-1)


def tags(encodings, rows, labels, ids, skip=lambda row: False):
    """The label of each word piece: 0 for none, -100 where nothing is learned."""
    t = torch.full(ids.shape, -100)
    for i, (e, row) in enumerate(zip(encodings, rows)):
        if not skip(row):
            for j, (start, end) in enumerate(e.offsets):
                if end > start:
                    t[i, j] = next((labels.index(p) + 1 for a, b, p, _ in row[2] if a < end and start < b), 0)
    return t


class Prototypes(nn.Module):
    """A prototype a class; the last class may have several."""

    def __init__(self, classes, more=0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes + more, shape.hidden_size) / shape.hidden_size**0.5)
        self.classes, self.more = classes, more

    def forward(self, x):
        z = SCALE * F.linear(x, F.normalize(self.weight, dim=-1))
        if self.more:
            last = self.classes - 1
            z = torch.cat([z[:, :last], z[:, last:].logsumexp(1, keepdim=True)], 1)
        return z

    @torch.no_grad()
    def begin(self, rows):
        """At the means of the examples."""
        sums, counts = torch.zeros(self.classes, shape.hidden_size), torch.zeros(self.classes)
        for i in range(0, len(rows), 128):
            _, ids, mask = batch(rows[i : i + 128])
            vectors = pooled(states(network.eval(), ids, mask), mask)
            for vector, row in zip(vectors, rows[i : i + 128]):
                if 0 <= row[1] < self.classes:
                    sums[row[1]] += vector
                    counts[row[1]] += 1
        self.weight[: self.classes] = sums / counts[:, None].clamp(min=1)
        if self.more:
            last = [row for row in rows if row[1] == self.classes - 1]
            random.shuffle(last)
            _, ids, mask = batch(last[: self.more + 1])
            self.weight[self.classes - 1 :] = pooled(states(network, ids, mask), mask)


heads = nn.ModuleDict(
    {
        "whole": Prototypes(NONE + 1, NONES - 1),
        "rest": Prototypes(NONE + 1, NONES - 1),
        "tags": nn.Linear(shape.hidden_size, len(parameters) + 1),
    }
)
for kind, (_, classes) in public.items():
    heads[kind] = Prototypes(classes)
if public:
    heads["slots"] = nn.Linear(shape.hidden_size, len(slots) + 1)
classed = [row for row in ours if row[1] >= 0]
heads["whole"].begin(random.sample(classed, min(len(classed), 3500)))
heads["rest"].load_state_dict(heads["whole"].state_dict())
for kind, (rows, classes) in public.items():
    heads[kind].begin(random.sample(rows, min(len(rows), 20 * classes)))

steps = []
for _ in range(math.ceil(A.epochs)):
    for kind, rows in [("ours", ours)] + [(kind, rows) for kind, (rows, _) in public.items()]:
        rows = rows[:]
        random.shuffle(rows)
        # Neighbours in length share a batch: less padding.
        size = A.batch * 16
        sorted_ = [sorted(rows[i : i + size], key=lambda row: len(row[0])) for i in range(0, len(rows), size)]
        steps += [(kind, part[i : i + A.batch]) for part in sorted_ for i in range(0, len(part), A.batch)]
random.shuffle(steps)
steps = steps[: int(len(steps) * A.epochs / math.ceil(A.epochs))]
optimiser = torch.optim.AdamW(
    [
        {"params": [p for p in network.parameters() if p.requires_grad], "lr": A.rate, "weight_decay": 0.01},
        {"params": heads.parameters(), "lr": 2e-3, "weight_decay": 0},
    ]
)
total = len(steps)
pace = torch.optim.lr_scheduler.LambdaLR(
    optimiser, lambda i: min(1, (i + 1) / (0.06 * total)) * max(0, 1 - i / total)
)
network.train()
began, losses = time.time(), {}
for step, (kind, rows) in enumerate(steps):
    if kind == "ours":
        rows = [(*augment(t, s), c) for t, c, s in rows]
        rows = [(t, c, s) for t, s, c in rows]
    encodings, ids, mask = batch(rows)
    h = states(network, ids, mask)
    y = torch.tensor([row[1] for row in rows])
    whole = pooled(h, mask)
    if kind == "ours":
        outside = mask.clone()
        for i, (e, row) in enumerate(zip(encodings, rows)):
            for j, (start, end) in enumerate(e.offsets):
                if j in (0, len(e.offsets) - 1) or any(a < end and start < b for a, b, *_ in row[2]):
                    outside[i, j] = 0
            if outside[i].sum() == 0:
                outside[i] = mask[i]
        is_, loss = y >= 0, 0
        for head, x in (("whole", whole), ("rest", pooled(h, outside))):
            z = heads[head](x)
            loss = loss + F.cross_entropy(z[is_], y[is_], label_smoothing=SMOOTHING)
            if (~is_).any():
                p = z[~is_].softmax(1).gather(1, (-2 - y[~is_])[:, None])
                loss = loss - 0.5 * torch.log1p(-p.clamp(max=0.999)).mean()
        t = tags(encodings, rows, parameters, ids, skip=lambda row: not 0 <= row[1] < NONE)
        if (t >= 0).any():
            loss = loss + TAGGING * F.cross_entropy(heads["tags"](h)[t >= 0], t[t >= 0])
    else:
        loss = F.cross_entropy(heads[kind](whole), y, label_smoothing=SMOOTHING)
        if kind == "snips":
            t = tags(encodings, rows, slots, ids)
            loss = loss + TAGGING * F.cross_entropy(heads["slots"](h)[t >= 0], t[t >= 0])
    losses.setdefault(kind, []).append(loss.item())
    if step % A.every == 0:
        _, general_ids, general_mask = batch([(text,) for text in random.sample(general, A.general)])
        with torch.no_grad():
            was = pooled(states(teacher, general_ids, general_mask), general_mask)
        near = (1 - (pooled(states(network, general_ids, general_mask), general_mask) * was).sum(1)).mean()
        losses.setdefault("moved", []).append(near.item())
        loss = loss + STAYING * near
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    pace.step()
    if step % 25 == 24 or step == total - 1:
        means = {kind: round(sum(x[-40:]) / len(x[-40:]), 4) for kind, x in losses.items()}
        print(f"{step + 1} of {total}, {time.time() - began:.0f} s:", means, flush=True)
shutil.copytree(A.base, A.out, dirs_exist_ok=True)
old, new = load_file(A.base + "/model.safetensors"), network.state_dict()
weights = {k: new.get(k.removeprefix("bert."), v).contiguous().float() for k, v in old.items()}
save_file(weights, A.out + "/model.safetensors", metadata={"format": "pt"})
