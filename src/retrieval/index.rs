//! Nearest vectors: an exact scan below the size where that is faster, a graph above it.

use hnsw_rs::prelude::{DistDot, Hnsw};

/// From this many vectors on, the graph is faster than the scan; `benches/search.rs` shows both.
const GRAPH_FROM: usize = 20_000;
/// Links per node, candidates while building and while searching (Malkov & Yashunin, 2016, section 4).
const LINKS: usize = 24;
const BUILD_CANDIDATES: usize = 200;
const SEARCH_CANDIDATES: usize = 96;
const LAYERS: usize = 16;

/// A vector that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number, in the order in which the vectors were given.
    pub index: usize,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

/// Unit vectors, ready for search.
pub struct Index {
    dimension: usize,
    /// All vectors, one after the other.
    vectors: Vec<f32>,
    graph: Option<Hnsw<'static, f32, DistDot>>,
}

impl Index {
    /// Builds an index over unit vectors of one dimension.
    pub fn build(vectors: &[Vec<f32>]) -> Self {
        let graph = (vectors.len() >= GRAPH_FROM).then(|| {
            let graph = Hnsw::new(LINKS, vectors.len(), LAYERS, BUILD_CANDIDATES, DistDot {});
            let numbered: Vec<(&[f32], usize)> =
                vectors.iter().enumerate().map(|(index, vector)| (vector.as_slice(), index)).collect();
            graph.parallel_insert_slice(&numbered);
            graph
        });
        Self { dimension: vectors.first().map_or(0, Vec::len), vectors: vectors.concat(), graph }
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.vectors.len().checked_div(self.dimension).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `limit` nearest, best first; of equally near ones the earlier.
    pub fn search(&self, vector: &[f32], limit: usize) -> Vec<Hit> {
        let mut hits: Vec<Hit> = match &self.graph {
            Some(graph) => graph
                .search(vector, limit, SEARCH_CANDIDATES.max(2 * limit))
                .into_iter()
                .map(|near| Hit { index: near.d_id, score: 1.0 - near.distance })
                .collect(),
            None => self.scan(vector),
        };
        let order = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index));
        if hits.len() > limit {
            hits.select_nth_unstable_by(limit, order);
            hits.truncate(limit);
        }
        hits.sort_by(order);
        hits
    }

    /// The similarity of every vector.
    pub fn scan(&self, vector: &[f32]) -> Vec<Hit> {
        if self.dimension == 0 {
            return Vec::new();
        }
        let scored = self.vectors.chunks_exact(self.dimension).enumerate();
        scored.map(|(index, other)| Hit { index, score: dot(other, vector) }).collect()
    }
}

/// The dot product in sixteen lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<16>();
    let (b_lanes, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    for (x, y) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clustered unit vectors, as texts are: the same on every run.
    fn clustered(count: usize) -> Vec<Vec<f32>> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let centres: Vec<Vec<f32>> = (0..64).map(|_| (0..32).map(|_| next()).collect()).collect();
        let near = |centre: &Vec<f32>, next: &mut dyn FnMut() -> f32| {
            let vector: Vec<f32> = centre.iter().map(|value| value + 0.4 * next()).collect();
            let length = dot(&vector, &vector).sqrt();
            vector.into_iter().map(|value| value / length).collect()
        };
        (0..count).map(|index| near(&centres[index % 64], &mut next)).collect()
    }

    #[test]
    fn the_graph_finds_what_the_scan_finds() {
        let vectors = clustered(GRAPH_FROM);
        let index = Index::build(&vectors);
        assert!(index.graph.is_some());
        let mut found = 0;
        let queries = 50;
        for query in vectors.iter().step_by(vectors.len() / queries).take(queries) {
            let mut exact = index.scan(query);
            exact.sort_by(|a, b| b.score.total_cmp(&a.score));
            let floor = exact[9].score - 1e-5;
            found += index.search(query, 10).iter().filter(|hit| hit.score >= floor).count();
        }
        let recall = found as f64 / (10 * queries) as f64;
        assert!(recall >= 0.95, "recall@10 is {recall}");
    }

    #[test]
    fn small_indices_are_exact_and_empty_ones_find_nothing() {
        let index = Index::build(&clustered(100));
        assert_eq!(index.search(&clustered(100)[42], 1)[0].index, 42);
        assert!(Index::build(&[]).search(&[0.0; 32], 3).is_empty());
    }
}
