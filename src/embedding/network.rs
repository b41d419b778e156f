//! The network of a BERT-family encoder (Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>), without its pooler.
//!
//! Candle brings such a network too (`candle_transformers::models::bert`). This one computes the same and takes 7 ms
//! instead of 12 for a message of 16 word pieces, on one core: a product reads the weights once, as they lie, where the
//! general one rearranges all of them for every message, and nothing is padded. The numbers of a pass lie in one row for
//! each feature and one column for each word piece, the texts side by side.

use std::ops::Range;

use candle_core::{Device, Error, Result, Tensor};

use super::shape::Shape;
use super::weights::Weights;

/// The weights.
pub(super) struct Network {
    /// One row for each word piece of the vocabulary.
    words: Tensor,
    /// One row for each position; the type of the (only) segment is added in.
    positions: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
}

struct Layer {
    /// Queries, keys and values in one product.
    attention: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

impl Network {
    /// Takes the weights out of a safetensors file, one tensor after the other.
    pub(super) fn load(file: &[u8], shape: &Shape) -> Result<Self> {
        let weights = Weights::open(file).map_err(Error::wrap)?;
        let Shape { hidden_size: hidden, intermediate_size: wide, num_attention_heads: heads, .. } = *shape;
        shape.head_width().map_err(Error::msg)?;
        let norm = |name: &str| Norm::load(&weights, name, hidden, shape.layer_norm_eps);
        let layer = |index: usize| {
            let name = |part: &str| format!("encoder.layer.{index}.{part}");
            let linear = |part: &str, shape| Linear::load(&weights, &[name(part)], shape);
            let attention = ["attention.self.query", "attention.self.key", "attention.self.value"].map(name);
            Ok(Layer {
                attention: Linear::load(&weights, &attention, (hidden, hidden))?,
                attention_output: linear("attention.output.dense", (hidden, hidden))?,
                attention_norm: norm(&name("attention.output.LayerNorm"))?,
                intermediate: linear("intermediate.dense", (wide, hidden))?,
                output: linear("output.dense", (hidden, wide))?,
                output_norm: norm(&name("output.LayerNorm"))?,
            })
        };
        let table = |name: &str, rows: usize| tensor(&weights, &format!("embeddings.{name}.weight"), (rows, hidden));
        let positions = table("position_embeddings", shape.max_position_embeddings)?;
        let segment = table("token_type_embeddings", shape.type_vocab_size)?.narrow(0, 0, 1)?;
        Ok(Self {
            words: table("word_embeddings", shape.vocab_size)?,
            positions: positions.broadcast_add(&segment)?,
            norm: norm("embeddings.LayerNorm")?,
            layers: (0..shape.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            heads,
        })
    }

    /// The last layer's state of each word piece, one row after the other, the texts in their order.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>> {
        let mut places = Vec::with_capacity(texts.len());
        let mut pieces = 0;
        for text in texts {
            places.push(pieces..pieces + text.len());
            pieces += text.len();
        }
        let positions: Vec<u32> = texts.iter().flat_map(|text| (0..).take(text.len())).collect();
        let words = self.words.index_select(&Tensor::new(texts.concat(), &Device::Cpu)?, 0)?;
        let states = (words + self.positions.index_select(&Tensor::new(positions, &Device::Cpu)?, 0)?)?;
        let mut states = states.t()?.flatten_all()?.to_vec1()?;
        self.norm.apply(&mut states, pieces);
        for layer in &self.layers {
            states = self.layer(layer, states, &places)?;
        }
        columns(states, pieces)?.t()?.flatten_all()?.to_vec1()
    }

    fn layer(&self, layer: &Layer, states: Vec<f32>, places: &[Range<usize>]) -> Result<Vec<f32>> {
        let pieces = places.last().map_or(0, |place| place.end);
        let before = columns(states, pieces)?;
        let mixed = self.attend(&columns(layer.attention.apply(&before)?, pieces)?, places)?;
        let mut states = layer.attention_output.apply(&mixed)?;
        add(&mut states, &before)?;
        layer.attention_norm.apply(&mut states, pieces);

        let before = columns(states, pieces)?;
        let mut wide = layer.intermediate.apply(&before)?;
        wide.iter_mut().for_each(|number| *number = gelu(*number));
        let mut states = layer.output.apply(&columns(wide, pieces)?)?;
        add(&mut states, &before)?;
        layer.output_norm.apply(&mut states, pieces);
        Ok(states)
    }

    /// Each word piece gathers from the others of its text what its heads look for.
    fn attend(&self, attention: &Tensor, places: &[Range<usize>]) -> Result<Tensor> {
        let features = attention.dim(0)? / 3;
        let width = features / self.heads;
        let scale = 1.0 / (width as f64).sqrt();
        let part = |index: usize, place: &Range<usize>| {
            let part = attention.narrow(0, index * features, features)?.reshape((self.heads, width, ()))?;
            part.narrow(2, place.start, place.len())
        };
        let gather = |place: &Range<usize>| {
            let (queries, keys, values) = (part(0, place)?, part(1, place)?, part(2, place)?);
            let scores = queries.transpose(1, 2)?.matmul(&keys)?.affine(scale, 0.0)?;
            let shares = candle_nn::ops::softmax_last_dim(&scores)?;
            values.matmul(&shares.transpose(1, 2)?)?.reshape((features, place.len()))
        };
        Tensor::cat(&places.iter().map(gather).collect::<Result<Vec<_>>>()?, 1)
    }
}

/// A product with a matrix, and a number added to each feature.
struct Linear {
    weight: Tensor,
    bias: Vec<f32>,
}

impl Linear {
    /// Several layers that read the same become one.
    fn load(weights: &Weights<'_>, names: &[String], shape: (usize, usize)) -> Result<Self> {
        let weight = |name| tensor(weights, &format!("{name}.weight"), shape);
        let bias = |name| weights.floats(&format!("{name}.bias"), &[shape.0]).map_err(Error::wrap);
        Ok(Self {
            weight: Tensor::cat(&names.iter().map(weight).collect::<Result<Vec<_>>>()?, 0)?,
            bias: names.iter().map(bias).collect::<Result<Vec<_>>>()?.concat(),
        })
    }

    fn apply(&self, columns: &Tensor) -> Result<Vec<f32>> {
        let pieces = columns.dim(1)?;
        let mut numbers = self.weight.matmul(columns)?.flatten_all()?.to_vec1::<f32>()?;
        for (row, bias) in numbers.chunks_exact_mut(pieces).zip(&self.bias) {
            row.iter_mut().for_each(|number| *number += bias);
        }
        Ok(numbers)
    }
}

/// Scales the features of each word piece to mean 0 and variance 1, then by learned numbers.
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn load(weights: &Weights<'_>, name: &str, features: usize, epsilon: f32) -> Result<Self> {
        let part = |part: &str| weights.floats(&format!("{name}.{part}"), &[features]).map_err(Error::wrap);
        Ok(Self { weight: part("weight")?, bias: part("bias")?, epsilon })
    }

    fn apply(&self, numbers: &mut [f32], pieces: usize) {
        let features = self.weight.len() as f32;
        let mut mean = vec![0.0; pieces];
        for row in numbers.chunks_exact(pieces) {
            mean.iter_mut().zip(row).for_each(|(mean, number)| *mean += number / features);
        }
        let mut variance = vec![0.0; pieces];
        for row in numbers.chunks_exact_mut(pieces) {
            for ((number, mean), variance) in row.iter_mut().zip(&mean).zip(&mut variance) {
                *number -= mean;
                *variance += *number * *number / features;
            }
        }
        let scale: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + self.epsilon).sqrt()).collect();
        for ((row, weight), bias) in numbers.chunks_exact_mut(pieces).zip(&self.weight).zip(&self.bias) {
            row.iter_mut().zip(&scale).for_each(|(number, scale)| *number = *number * scale * weight + bias);
        }
    }
}

/// A matrix of the file, in 32 bits.
fn tensor(weights: &Weights<'_>, name: &str, (rows, columns): (usize, usize)) -> Result<Tensor> {
    let numbers = weights.floats(name, &[rows, columns]).map_err(Error::wrap)?;
    Tensor::from_vec(numbers, (rows, columns), &Device::Cpu)
}

/// Numbers as a matrix with one column for each word piece.
fn columns(numbers: Vec<f32>, pieces: usize) -> Result<Tensor> {
    let features = numbers.len() / pieces.max(1);
    Tensor::from_vec(numbers, (features, pieces), &Device::Cpu)
}

fn add(numbers: &mut [f32], others: &Tensor) -> Result<()> {
    let others = others.flatten_all()?.to_vec1::<f32>()?;
    numbers.iter_mut().zip(others).for_each(|(number, other)| *number += other);
    Ok(())
}

/// `x · Φ(x)` with the error function as a quotient of polynomials: Eigen's `generic_fast_erf_float`, which the processor
/// computes for several numbers at once. It differs from the exact one by less than a millionth (tested below).
fn gelu(x: f32) -> f32 {
    let z = (x * std::f32::consts::FRAC_1_SQRT_2).clamp(-4.0, 4.0);
    let square = z * z;
    let above = -2.726_142_3e-10_f32;
    let above = above * square + 2.770_681_4e-8;
    let above = above * square - 2.101_024e-6;
    let above = above * square - 5.692_506_4e-5;
    let above = above * square - 7.349_906_3e-4;
    let above = above * square - 2.954_6e-3;
    let above = above * square - 1.609_603_3e-2;
    let below = -1.456_607_2e-5_f32;
    let below = below * square - 2.133_740_6e-4;
    let below = below * square - 1.682_827e-3;
    let below = below * square - 7.373_329_2e-3;
    let below = below * square - 1.426_473_9e-2;
    0.5 * x * (1.0 + z * above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_the_exact_one() {
        let step = 1.0 / 1024.0;
        for index in -10_240..=10_240 {
            let x = index as f32 * step;
            let exact =
                Tensor::new(f64::from(x), &Device::Cpu).unwrap().gelu_erf().unwrap().to_scalar::<f64>().unwrap();
            let found = f64::from(gelu(x));
            assert!((found - exact).abs() < 1e-6 * f64::from(x).abs().max(1.0), "{found} for {exact} at {x}");
        }
    }

    #[test]
    fn a_norm_has_mean_zero_and_variance_one() {
        let norm = Norm { weight: vec![1.0; 4], bias: vec![0.0; 4], epsilon: 0.0 };
        // Two word pieces: 1 3 5 7 and 10 10 30 30.
        let mut numbers = vec![1.0, 10.0, 3.0, 10.0, 5.0, 30.0, 7.0, 30.0];
        norm.apply(&mut numbers, 2);
        for (found, expected) in numbers.iter().zip([-1.3416, -1.0, -0.4472, -1.0, 0.4472, 1.0, 1.3416, 1.0]) {
            assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
        }
    }
}
