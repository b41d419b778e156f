//! Which vectors are nearest to one: an exact scan, or for many vectors a graph that is searched greedily.

use std::cmp::Ordering;

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::Hnsw;

/// From how many vectors on the graph is used.
///
/// On 20 000 sentences' vectors of 384 numbers (one core; `benches/search.rs` for other sizes) the scan takes 2.0 ms, the
/// graph 0.3 ms and 8 s to build, at every start. The graph is the faster one to ask from some 3 000 vectors on, but what
/// it saves there, a tenth of a millisecond a message, never pays for the building.
pub const GRAPH_FROM: usize = 20_000;

/// The shape of the graph (Malkov and Yashunin 2016, <https://arxiv.org/abs/1603.09320>): neighbours of a vector,
/// candidates weighed when one is added, candidates weighed in a search. With these, recall@10 was 0.993 on the same
/// 20 000 vectors; 12, 60 and 48 build in 5 s and reach 0.975.
const NEIGHBOURS: usize = 16;
const CANDIDATES_BUILDING: usize = 100;
const CANDIDATES_SEARCHING: usize = 64;
/// As many layers as hnsw_rs knows.
const LAYERS: usize = 16;

/// How many numbers are multiplied side by side.
const LANES: usize = 16;

/// Unit vectors, numbered in the order in which they came.
pub struct Index(Vectors);

enum Vectors {
    /// All numbers one after the other.
    Flat {
        dimension: usize,
        numbers: Vec<f32>,
    },
    Graph(Box<Hnsw<'static, f32, Angle>>),
}

/// A vector that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number.
    pub index: usize,
    /// The cosine between it and what was searched for.
    pub score: f32,
}

impl Hit {
    /// The nearest first; of equally near ones the one that came first.
    fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.index.cmp(&other.index))
    }
}

impl Index {
    /// In the form that is faster for so many.
    pub fn build(vectors: &[impl AsRef<[f32]>]) -> Self {
        if vectors.len() < GRAPH_FROM { Self::exact(vectors) } else { Self::graph(vectors) }
    }

    /// In the form that compares with every vector.
    pub fn exact(vectors: &[impl AsRef<[f32]>]) -> Self {
        let dimension = vectors.first().map_or(0, |vector| vector.as_ref().len());
        Self(Vectors::Flat { dimension, numbers: vectors.iter().flat_map(AsRef::as_ref).copied().collect() })
    }

    /// In the form that follows neighbours. Built on one thread: then the same vectors give the same graph.
    pub fn graph(vectors: &[impl AsRef<[f32]>]) -> Self {
        let graph = Hnsw::new(NEIGHBOURS, vectors.len(), LAYERS, CANDIDATES_BUILDING, Angle);
        for (index, vector) in vectors.iter().enumerate() {
            graph.insert((vector.as_ref(), index));
        }
        Self(Vectors::Graph(Box::new(graph)))
    }

    /// The `k` vectors that are nearest to a unit vector, the nearest first.
    pub fn search(&self, query: &[f32], k: usize) -> Vec<Hit> {
        let mut hits: Vec<Hit> = match &self.0 {
            Vectors::Flat { dimension, numbers } => numbers
                .chunks_exact((*dimension).max(1))
                .enumerate()
                .map(|(index, vector)| Hit { index, score: dot(query, vector) })
                .collect(),
            Vectors::Graph(graph) => graph
                .search(query, k, CANDIDATES_SEARCHING.max(k))
                .iter()
                .map(|found| Hit { index: found.get_origin_id(), score: 1.0 - found.get_distance() })
                .collect(),
        };
        if k < hits.len() {
            hits.select_nth_unstable_by(k, Hit::order);
            hits.truncate(k);
        }
        hits.sort_unstable_by(Hit::order);
        hits
    }
}

/// One minus the cosine of unit vectors. Never below zero, as hnsw_rs wants it, whatever rounding says.
#[derive(Debug, Clone, Copy)]
struct Angle;

impl Distance<f32> for Angle {
    fn eval(&self, one: &[f32], other: &[f32]) -> f32 {
        (1.0 - dot(one, other)).max(0.0)
    }
}

/// In lanes that do not wait for each other: the processor adds up several at once.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let ((one, one_rest), (other, other_rest)) = (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (one, other) in one.iter().zip(other) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    let rest: f32 = one_rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Around random centres, as texts about the same things are.
    fn clustered(count: usize, dimension: usize, random: &mut StdRng) -> Vec<Vec<f32>> {
        let mut vector = |around: &[f32], spread: f32| {
            let vector: Vec<f32> = around.iter().map(|x| x + spread * random.random_range(-1.0_f32..1.0)).collect();
            let length = dot(&vector, &vector).sqrt();
            vector.into_iter().map(|number| number / length).collect::<Vec<f32>>()
        };
        let centres: Vec<_> = (0..count.div_ceil(40)).map(|_| vector(&vec![0.0; dimension], 1.0)).collect();
        (0..count).map(|index| vector(&centres[index % centres.len()], 0.1)).collect()
    }

    fn found(hits: &[Hit]) -> Vec<usize> {
        hits.iter().map(|hit| hit.index).collect()
    }

    #[test]
    fn the_scan_finds_the_nearest_in_order() {
        let vectors = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0]];
        let index = Index::build(&vectors);
        let cases: [(&[f32; 2], usize, &[usize]); 5] = [
            (&[1.0, 0.0], 2, &[0, 3]),
            (&[1.0, 0.0], 3, &[0, 3, 2]),
            (&[0.0, 1.0], 9, &[1, 2, 0, 3, 4]),
            (&[0.0, 1.0], 0, &[]),
            (&[f32::NAN, 0.0], 1, &[0]),
        ];
        for (query, k, expected) in cases {
            assert_eq!(found(&index.search(query, k)), expected, "{query:?} {k}");
        }
        assert_eq!(index.search(&[1.0, 0.0], 1), [Hit { index: 0, score: 1.0 }]);
    }

    #[test]
    fn of_no_vectors_none_is_found() {
        let none: [[f32; 2]; 0] = [];
        for index in [Index::exact(&none), Index::graph(&none)] {
            assert_eq!(index.search(&[1.0, 0.0], 3), []);
        }
    }

    #[test]
    fn the_graph_finds_what_the_scan_finds() {
        let random = &mut StdRng::seed_from_u64(7);
        let mut vectors = clustered(3_050, 96, random);
        let queries = vectors.split_off(3_000);
        // The same vector more than once must not hide others.
        vectors.extend(queries[..10].iter().flat_map(|query| [query.clone(), query.clone()]));
        let (exact, graph) = (Index::exact(&vectors), Index::graph(&vectors));
        let mut same = 0;
        for query in &queries {
            let (expected, found) = (exact.search(query, 10), graph.search(query, 10));
            same += found.iter().filter(|hit| expected.iter().any(|other| other.index == hit.index)).count();
            assert!(found.is_sorted_by(|one, next| one.order(next).is_lt()));
            assert!(found[0].score <= expected[0].score + 1e-5);
        }
        let recall = same as f64 / (10 * queries.len()) as f64;
        assert!(recall >= 0.95, "recall@10 is {recall}");
    }

    #[test]
    fn the_same_vectors_give_the_same_graph() {
        let vectors = clustered(1_000, 32, &mut StdRng::seed_from_u64(11));
        let (one, other) = (Index::graph(&vectors), Index::graph(&vectors));
        for query in vectors.iter().step_by(50) {
            assert_eq!(one.search(query, 20), other.search(query, 20));
        }
    }

    #[test]
    fn an_index_can_be_shared_among_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Index>();
    }
}
