//! How long a message takes to read, by its length in word pieces, and how long many texts take together.
//!
//!     RAYON_NUM_THREADS=1 cargo bench --bench embed      one core; without the variable, all of them

#![expect(clippy::expect_used, reason = "a bench may fail")]

use std::path::PathBuf;

use divan::Bencher;
use divan::counter::ItemsCount;
use sayso::embedding::{CandleEncoder, Encoder, ModelSource};

/// Messages of 8, 16 and 32 word pieces, the two special ones included (asserted).
const MESSAGES: [(usize, &str); 3] = [
    (8, "is anything listening on 8080"),
    (16, "roll back payments-api to v1.14.2 in production"),
    (
        32,
        "could you please have a look at why the checkout service in staging keeps restarting every few minutes since \
         the last deploy on the evening of yesterday thanks",
    ),
];

fn main() {
    divan::main();
}

fn source() -> ModelSource {
    ModelSource::Folder(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/minilm-l6-v2"))
}

fn encoder() -> CandleEncoder {
    CandleEncoder::load(&source()).expect("the shipped model loads")
}

#[divan::bench(sample_count = 10)]
fn load() -> CandleEncoder {
    encoder()
}

#[divan::bench(args = MESSAGES.map(|(pieces, _)| pieces))]
fn message(bencher: Bencher<'_, '_>, pieces: usize) {
    let encoder = encoder();
    let text = MESSAGES.iter().find(|(count, _)| *count == pieces).map_or("", |(_, text)| text);
    let encoded = encoder.encode(&[text]).expect("any text can be encoded");
    assert_eq!(encoded[0].tokens.len() + 2, pieces, "`{text}`");
    bencher.bench_local(|| encoder.encode(&[text]));
}

#[divan::bench(sample_count = 10)]
fn many_messages(bencher: Bencher<'_, '_>) {
    let encoder = encoder();
    let texts: Vec<&str> = MESSAGES.iter().map(|(_, text)| *text).cycle().take(96).collect();
    bencher.counter(ItemsCount::new(texts.len())).bench_local(|| encoder.encode(&texts));
}
