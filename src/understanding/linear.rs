//! Multinomial logistic regression over dense and hashed sparse features, trained by AdaGrad (Duchi et al., 2011), with
//! one sum of squares per sparse weight and one per class for the dense weights, whose inputs are all of one length.
//!
//! Small enough to train in about a second on a few thousand examples: the gradient of a softmax is nearly zero for most
//! classes after the first rounds, and classes below a floor are left out of the update.

use std::ops::Range;

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
#[derive(Debug, Clone)]
pub enum Target {
    /// It is of this class.
    Is(usize),
    /// It is of some class, but not this one.
    IsNot(usize),
}

/// An input with what it teaches, and the classes that are possible for it (empty: all).
#[derive(Debug, Clone)]
pub struct Sample {
    /// The input.
    pub features: Features,
    /// What it teaches.
    pub target: Target,
    /// The classes among which to decide; empty for all.
    pub among: Vec<usize>,
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
    /// Trains a model. Deterministic: samples are visited in an order that depends on their number alone.
    pub fn train(samples: &[&Sample], classes: usize, dimension: usize, training: Training) -> Self {
        let mut model = Self {
            classes,
            dimension,
            dense: vec![0.0; classes * dimension],
            sparse: vec![0.0; SPARSE * classes],
            bias: vec![0.0; classes],
        };
        let mut squares =
            Squares { dense: vec![1e-6; classes], sparse: vec![1e-6; SPARSE * classes], bias: vec![1e-6; classes] };
        let all: Vec<usize> = (0..classes).collect();
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..training.epochs {
            shuffle(&mut order, &mut state);
            for &index in &order {
                let sample = samples[index];
                let among = if sample.among.is_empty() { &all } else { &sample.among };
                model.step(sample, among, &mut squares, training.rate);
            }
            let keep = 1.0 - training.decay;
            model.dense.iter_mut().for_each(|weight| *weight *= keep);
            model.sparse.iter_mut().for_each(|weight| *weight *= keep);
        }
        model
    }

    /// One AdaGrad step.
    fn step(&mut self, sample: &Sample, among: &[usize], squares: &mut Squares, rate: f32) {
        let probabilities = self.probabilities_among(&sample.features, among);
        let length_squared = dot(&sample.features.dense, &sample.features.dense).max(f32::MIN_POSITIVE);
        for (&class, &probability) in among.iter().zip(&probabilities) {
            // d(-log p_target)/d logit, and d(-log(1 - p_not))/d logit.
            let gradient = sample.weight
                * match sample.target {
                    Target::Is(target) => probability - f32::from(target == class),
                    Target::IsNot(not) => {
                        let p_not = among.iter().position(|&c| c == not).map_or(0.0, |at| probabilities[at]);
                        if class == not { p_not } else { -p_not * probability / (1.0 - p_not).max(1e-3) }
                    }
                };
            if gradient.abs() < GRADIENT_FLOOR {
                continue;
            }
            squares.dense[class] += gradient * gradient;
            // The mean square of a dense input: what the per-weight sums would be made of.
            let scale = (self.dimension as f32 / length_squared).sqrt();
            let pace = rate * scale * gradient / squares.dense[class].sqrt();
            let row = class * self.dimension..(class + 1) * self.dimension;
            for (weight, value) in self.dense[row].iter_mut().zip(&sample.features.dense) {
                *weight -= pace * value;
            }
            for &feature in &sample.features.sparse {
                let at = feature as usize * self.classes + class;
                squares.sparse[at] += gradient * gradient;
                self.sparse[at] -= rate * gradient / squares.sparse[at].sqrt();
            }
            squares.bias[class] += gradient * gradient;
            self.bias[class] -= rate * gradient / squares.bias[class].sqrt();
        }
    }

    /// The raw scores of the given classes.
    pub fn logits(&self, features: &Features, among: &[usize]) -> Vec<f32> {
        among
            .iter()
            .map(|&class| {
                let row = &self.dense[class * self.dimension..(class + 1) * self.dimension];
                let sparse: f32 =
                    features.sparse.iter().map(|&feature| self.sparse[feature as usize * self.classes + class]).sum();
                self.bias[class] + dot(row, &features.dense) + sparse
            })
            .collect()
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

/// AdaGrad's sums of squared gradients, shaped like the model.
struct Squares {
    dense: Vec<f32>,
    sparse: Vec<f32>,
    bias: Vec<f32>,
}

/// Softmax at a temperature.
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = logits.iter().map(|logit| ((logit - max) / temperature).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.into_iter().map(|e| e / sum).collect()
}

/// The dot product, in eight lanes so that the compiler can vectorise it.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
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

    fn sample(x: [f32; 2], word: &str, target: Target) -> Sample {
        let features = Features { dense: x.to_vec(), sparse: vec![hash(&[word])] };
        Sample { features, target, among: Vec::new(), weight: 1.0 }
    }

    #[test]
    fn learns_what_is_and_what_is_not() {
        let samples = [
            sample([1.0, 0.0], "a", Target::Is(0)),
            sample([0.0, 1.0], "b", Target::Is(1)),
            sample([0.7, 0.7], "c", Target::IsNot(0)),
            sample([-1.0, 0.0], "d", Target::Is(2)),
        ];
        let training = Training { epochs: 40, rate: 0.3, decay: 0.0 };
        let model = Linear::train(&samples.iter().collect::<Vec<_>>(), 3, 2, training);
        let of = |index: usize| model.probabilities_among(&samples[index].features, &[0, 1, 2]);
        assert!(of(0)[0] > 0.8 && of(1)[1] > 0.8 && of(3)[2] > 0.8 && of(2)[0] < 0.3);
        let again = Linear::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(again.logits(&samples[0].features, &[0, 1, 2]), model.logits(&samples[0].features, &[0, 1, 2]));
        assert!(Linear::from_bytes(&model.to_bytes()[..40]).is_none());
    }
}
