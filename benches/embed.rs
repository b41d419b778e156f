//! How long a message takes to read, by its length in word pieces, and how long many texts take together: by our own
//! encoder, and by candle's, the reference.
//!
//!     RAYON_NUM_THREADS=1 cargo bench --bench embed      one core; without the variable, all of them

#![expect(clippy::expect_used, reason = "a bench may fail")]

use std::path::PathBuf;

use divan::Bencher;
use divan::counter::ItemsCount;
use sayso::embedding::{CandleEncoder, Encoder, Int8Encoder, ModelSource};

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
    ModelSource::Folder(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/minilm-l6-ops"))
}

/// An encoder that can be measured.
trait Subject: Encoder {
    fn load() -> Self;
}

impl Subject for CandleEncoder {
    fn load() -> Self {
        Self::load(&source()).expect("the shipped model loads")
    }
}

impl Subject for Int8Encoder {
    fn load() -> Self {
        Self::load(&source()).expect("the shipped model loads")
    }
}

#[divan::bench(types = [Int8Encoder, CandleEncoder], sample_count = 10)]
fn load<S: Subject>() -> S {
    S::load()
}

#[divan::bench(types = [Int8Encoder, CandleEncoder], args = MESSAGES.map(|(pieces, _)| pieces))]
fn message<S: Subject>(bencher: Bencher<'_, '_>, pieces: usize) {
    let encoder = S::load();
    let text = MESSAGES.iter().find(|(count, _)| *count == pieces).map_or("", |(_, text)| text);
    let encoded = encoder.encode(&[text]).expect("any text can be encoded");
    assert_eq!(encoded[0].tokens.len() + 2, pieces, "`{text}`");
    bencher.bench_local(|| encoder.encode(&[text]));
}

/// Thirty-two messages of 16 word pieces at once.
#[divan::bench(types = [Int8Encoder, CandleEncoder], sample_count = 10)]
fn batch_of_32<S: Subject>(bencher: Bencher<'_, '_>) {
    let encoder = S::load();
    let texts = [MESSAGES[1].1; 32];
    bencher.counter(ItemsCount::new(texts.len())).bench_local(|| encoder.encode(&texts));
}
