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

# How fast it is on one core; figures for docs/benchmarks.md. All benches, or the one that is named.
bench name="*":
    cargo bench --locked --no-run --bench '{{ name }}'
    RAYON_NUM_THREADS=1 taskset -c 0 cargo bench --locked --bench '{{ name }}'

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
