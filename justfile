# One word a job. `just` alone lists them.

_list:
    @just --list

# Everything the continuous integration checks.
check:
    .ci/run

# The tests: all, or those whose names contain a word.
test *words:
    cargo test --locked {{ if words == "" { "" } else { "-- " + words } }}

# The shipped manifests against the servers and programs that can be had here; tells what could not be tried.
servers *words:
    tests/servers/run {{ words }}

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

# How well it understands: all organisations of tests/utterances, or those that are named.
eval organisations="airline fintech games harbour hospital newsroom" *options:
    cargo build --locked --release
    for organisation in {{ organisations }}; do \
        echo "== $organisation"; \
        folder=tests/utterances/$organisation; \
        target/release/sayso eval --config $folder/organisation.toml $folder/*.jsonl {{ options }} || exit 1; \
    done

# Licences, advisories and sources of the libraries; needs `cargo install cargo-deny`.
deny:
    cargo deny --locked check
