//! Multinomial logistic regression over dense and hashed sparse features, trained by AdaGrad (Duchi et al., 2011), with
//! one sum of squares per sparse weight and one per class for the dense weights, whose inputs are all of one length.
//!
//! Small enough to train in a second or two on a few thousand examples: the gradient of a softmax is nearly zero for most
//! classes after the first rounds, and classes below a floor are left out of the update.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::vectors::{add_with, dot_with};

/// How many sparse features there are after hashing; a power of two.
pub const SPARSE: usize = 1 << 15;

/// Gradients below this do not move a weight.
const GRADIENT_FLOOR: f32 = 2e-3;

/// One input: a dense vector and the sparse features that are on, each with weight one.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// `dimension` numbers.
    pub dense: Vec<f32>,
    /// Hashed features, below [`SPARSE`].
    pub sparse: Vec<u32>,
}

/// What an example teaches.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// It is of this class.
    Is(usize),
    /// It is of some class, but not this one.
    IsNot(usize),
}

/// An input with what it teaches, and the classes that are possible for it.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The input.
    pub features: &'a Features,
    /// What it teaches.
    pub target: Target,
    /// The classes among which to decide; empty for all.
    pub among: &'a [usize],
    /// How much it counts.
    pub weight: f32,
}

/// Settings of the training.
#[derive(Debug, Clone, Copy)]
pub struct Training {
    /// Passes over the samples.
    pub epochs: usize,
    /// AdaGrad's step.
    pub rate: f32,
    /// Pull of the dense weights towards zero, per epoch.
    pub decay: f32,
}

/// A trained linear softmax model.
#[derive(Debug, Clone)]
pub struct Linear {
    classes: usize,
    dimension: usize,
    /// `classes × dimension`, a row per class.
    dense: Vec<f32>,
    /// `SPARSE × classes`, a row per feature.
    sparse: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// Trains a model. Deterministic on one kind of processor: samples are visited in an order that depends on their number
    /// alone.
    pub fn train(samples: &[Sample<'_>], classes: usize, dimension: usize, training: Training) -> Self {
        let mut model = Self {
            classes,
            dimension,
            dense: vec![0.0; classes * dimension],
            sparse: vec![0.0; SPARSE * classes],
            bias: vec![0.0; classes],
        };
        Arch::new().dispatch(Descent { model: &mut model, samples, training });
        model
    }

    /// One AdaGrad step.
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S, sample: &Sample<'_>, squares: &mut Squares, rate: f32, room: &mut Room) {
        let (features, among) = (sample.features, sample.among);
        let Room { probabilities, moved } = room;
        self.score(simd, features, among, probabilities);
        exponentiate(probabilities, 1.0);
        let length_squared = dot_with(simd, &features.dense, &features.dense).max(f32::MIN_POSITIVE);
        // The mean square of a dense input: what the per-weight sums would be made of.
        let scale = (self.dimension as f32 / length_squared).sqrt();
        let p_not = match sample.target {
            Target::Is(_) => 0.0,
            Target::IsNot(not) if among.is_empty() => probabilities[not],
            Target::IsNot(not) => among.iter().position(|class| *class == not).map_or(0.0, |at| probabilities[at]),
        };
        moved.clear();
        for (at, &probability) in probabilities.iter().enumerate() {
            let class = if among.is_empty() { at } else { among[at] };
            // d(-log p_target)/d logit, and d(-log(1 - p_not))/d logit.
            let gradient = sample.weight
                * match sample.target {
                    Target::Is(target) => probability - f32::from(target == class),
                    Target::IsNot(not) if class == not => p_not,
                    Target::IsNot(_) => -p_not * probability / (1.0 - p_not).max(1e-3),
                };
            if gradient.abs() >= GRADIENT_FLOOR {
                moved.push((class, gradient));
            }
        }
        for &(class, gradient) in &*moved {
            squares.dense[class] += gradient * gradient;
            let pace = rate * scale * gradient / squares.dense[class].sqrt();
            let row = class * self.dimension..(class + 1) * self.dimension;
            add_with(simd, &mut self.dense[row], -pace, &features.dense);
            squares.bias[class] += gradient * gradient;
            self.bias[class] -= rate * gradient / squares.bias[class].sqrt();
        }
        // A feature's weights lie side by side: each is fetched once, for all classes that move.
        for &feature in &features.sparse {
            let row = feature as usize * self.classes;
            for &(class, gradient) in &*moved {
                let sum = &mut squares.sparse[row + class];
                *sum += gradient * gradient;
                self.sparse[row + class] -= rate * gradient / sum.sqrt();
            }
        }
    }

    /// Writes the raw scores of the given classes (empty: all) into `scores`.
    #[inline(always)]
    fn score<S: Simd>(&self, simd: S, features: &Features, among: &[usize], scores: &mut Vec<f32>) {
        let count = if among.is_empty() { self.classes } else { among.len() };
        scores.resize(count, 0.0);
        for (at, score) in scores.iter_mut().enumerate() {
            let class = if among.is_empty() { at } else { among[at] };
            let row = &self.dense[class * self.dimension..][..self.dimension];
            *score = self.bias[class] + dot_with(simd, row, &features.dense);
        }
        for &feature in &features.sparse {
            let row = &self.sparse[feature as usize * self.classes..][..self.classes];
            if among.is_empty() {
                add_with(simd, scores, 1.0, row);
            } else {
                for (score, class) in scores.iter_mut().zip(among) {
                    *score += row[*class];
                }
            }
        }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The raw scores of the given classes; of all, if none is given.
    pub fn logits(&self, features: &Features, among: &[usize]) -> Vec<f32> {
        Arch::new().dispatch(Scores { model: self, features, among })
    }

    /// The probabilities of the given classes, which sum to one.
    pub fn probabilities_among(&self, features: &Features, among: &[usize]) -> Vec<f32> {
        softmax(&self.logits(features, among), 1.0)
    }

    /// The weights as little-endian bytes, for the cache.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = [self.classes as u64, self.dimension as u64];
        header
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .chain([&self.dense, &self.sparse, &self.bias].into_iter().flatten().flat_map(|w| w.to_le_bytes()))
            .collect()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` if the length does not fit.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |range: Range<usize>| Some(u64::from_le_bytes(bytes.get(range)?.try_into().ok()?) as usize);
        let (classes, dimension) = (number(0..8)?, number(8..16)?);
        let floats: Vec<f32> = bytes[16..].as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        let dense = classes.checked_mul(dimension)?;
        let sparse = classes.checked_mul(SPARSE)?;
        if floats.len() != dense.checked_add(sparse)?.checked_add(classes)? || !bytes.len().is_multiple_of(4) {
            return None;
        }
        Some(Self {
            classes,
            dimension,
            dense: floats[..dense].to_vec(),
            sparse: floats[dense..dense + sparse].to_vec(),
            bias: floats[dense + sparse..].to_vec(),
        })
    }
}

/// The scores of one input.
struct Scores<'a> {
    model: &'a Linear,
    features: &'a Features,
    among: &'a [usize],
}

impl WithSimd for Scores<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let mut scores = Vec::with_capacity(self.model.classes);
        self.model.score(simd, self.features, self.among, &mut scores);
        scores
    }
}

/// A training.
struct Descent<'a> {
    model: &'a mut Linear,
    samples: &'a [Sample<'a>],
    training: Training,
}

impl WithSimd for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { model, samples, training } = self;
        let classes = model.classes;
        let mut squares =
            Squares { dense: vec![1e-6; classes], sparse: vec![1e-6; SPARSE * classes], bias: vec![1e-6; classes] };
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut room = Room::default();
        for _ in 0..training.epochs {
            shuffle(&mut order, &mut state);
            for &index in &order {
                model.step(simd, &samples[index], &mut squares, training.rate, &mut room);
            }
            if training.decay > 0.0 {
                let keep = 1.0 - training.decay;
                model.dense.iter_mut().chain(&mut model.sparse).for_each(|weight| *weight *= keep);
            }
        }
    }
}

/// Room for one step to compute in.
#[derive(Default)]
struct Room {
    probabilities: Vec<f32>,
    /// The classes whose weights move, each with its gradient.
    moved: Vec<(usize, f32)>,
}

/// AdaGrad's sums of squared gradients, shaped like the model.
struct Squares {
    dense: Vec<f32>,
    sparse: Vec<f32>,
    bias: Vec<f32>,
}

/// Softmax at a temperature.
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let mut probabilities = logits.to_vec();
    exponentiate(&mut probabilities, temperature);
    probabilities
}

/// Softmax in place.
#[inline(always)]
fn exponentiate(logits: &mut [f32], temperature: f32) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = ((*logit - max) / temperature).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|exponential| *exponential /= sum);
}

/// FNV-1a over the parts, folded to a sparse feature.
pub fn hash(parts: &[&str]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    ((hash ^ (hash >> 32)) as usize & (SPARSE - 1)) as u32
}

/// Fisher–Yates with a SplitMix64 state: the same order for the same number of samples, on every machine.
fn shuffle(order: &mut [usize], state: &mut u64) {
    for index in (1..order.len()).rev() {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(index, ((z ^ (z >> 31)) % (index as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(x: [f32; 2], word: &str) -> Features {
        Features { dense: x.to_vec(), sparse: vec![hash(&[word])] }
    }

    #[test]
    fn learns_what_is_and_what_is_not() {
        let inputs = [
            (features([1.0, 0.0], "a"), Target::Is(0)),
            (features([0.0, 1.0], "b"), Target::Is(1)),
            (features([0.7, 0.7], "c"), Target::IsNot(0)),
            (features([-1.0, 0.0], "d"), Target::Is(2)),
        ];
        let samples: Vec<Sample<'_>> = inputs
            .iter()
            .map(|(features, target)| Sample { features, target: *target, among: &[], weight: 1.0 })
            .collect();
        let training = Training { epochs: 40, rate: 0.3, decay: 0.0 };
        let model = Linear::train(&samples, 3, 2, training);
        let of = |index: usize| model.probabilities_among(&inputs[index].0, &[]);
        assert!(of(0)[0] > 0.8 && of(1)[1] > 0.8 && of(3)[2] > 0.8 && of(2)[0] < 0.3);
        assert_eq!(model.probabilities_among(&inputs[0].0, &[0, 1, 2]), of(0));
        let again = Linear::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(again.logits(&inputs[0].0, &[]), model.logits(&inputs[0].0, &[]));
        assert!(Linear::from_bytes(&model.to_bytes()[..40]).is_none());
    }
}
