//! How long a search takes among so many vectors, by scan and by graph, and how long the graph takes to build.
//!
//!     cargo bench --bench search

#![expect(clippy::expect_used, reason = "a bench may fail")]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use divan::Bencher;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sayso::retrieval::Index;

const DIMENSION: usize = 384;
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// The graph of 100 000 takes minutes to build.
const GRAPH_SIZES: [usize; 2] = [1_000, 10_000];

fn main() {
    divan::main();
}

/// Unit vectors around random centres, forty around each, as texts about the same things are. Made once for each size.
fn vectors(count: usize) -> Arc<Vec<Vec<f32>>> {
    type Made = Mutex<HashMap<usize, Arc<Vec<Vec<f32>>>>>;
    static MADE: LazyLock<Made> = LazyLock::new(Mutex::default);
    let make = || {
        let random = &mut StdRng::seed_from_u64(1);
        let mut vector = |around: &[f32], spread: f32| {
            let vector: Vec<f32> = around.iter().map(|x| x + spread * random.random_range(-1.0_f32..1.0)).collect();
            let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            vector.into_iter().map(|number| number / length).collect::<Vec<f32>>()
        };
        let centres: Vec<_> = (0..count.div_ceil(40)).map(|_| vector(&[0.0; DIMENSION], 1.0)).collect();
        Arc::new((0..count).map(|index| vector(&centres[index % centres.len()], 0.05)).collect())
    };
    Arc::clone(MADE.lock().expect("no bench panics").entry(count).or_insert_with(make))
}

fn search(bencher: Bencher<'_, '_>, index: &Index, vectors: &[Vec<f32>]) {
    let mut queries = vectors.iter().step_by(vectors.len() / 100).cycle();
    bencher.bench_local(|| queries.next().map(|query| index.search(query, 10)));
}

#[divan::bench(args = SIZES)]
fn scan(bencher: Bencher<'_, '_>, count: usize) {
    let vectors = vectors(count);
    search(bencher, &Index::exact(&vectors), &vectors);
}

#[divan::bench(args = GRAPH_SIZES)]
fn graph(bencher: Bencher<'_, '_>, count: usize) {
    let vectors = vectors(count);
    search(bencher, &Index::graph(&vectors), &vectors);
}

#[divan::bench(args = GRAPH_SIZES, sample_count = 1, sample_size = 1)]
fn build_graph(bencher: Bencher<'_, '_>, count: usize) {
    let vectors = vectors(count);
    bencher.bench_local(|| Index::graph(&vectors));
}
