# One word a job. `just` alone lists them.

_list:
    @just --list

# Everything the continuous integration checks.
check:
    .ci/run

# The tests: all, or those whose names contain a word.
test *words:
    cargo test --locked {{ if words == "" { "" } else { "-- " + words } }}

# Lints; warnings are errors.
lint:
    cargo clippy --locked --all-targets --all-features -- -D warnings

# Puts the code into its form.
fmt:
    cargo fmt

# How fast it is; figures for docs/benchmarks.md.
bench *names:
    cargo bench --locked {{ if names == "" { "" } else { "-- " + names } }}

# How well it understands the development set.
eval *options:
    cargo build --locked --release
    for file in commands ask none dialogues; do \
        echo "== $file"; \
        target/release/sayso eval --config tests/utterances/organisation.toml tests/utterances/$file.jsonl {{ options }} || exit 1; \
    done

# Licences, advisories and sources of the libraries; needs `cargo install cargo-deny`.
deny:
    cargo deny --locked check
