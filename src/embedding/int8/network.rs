//! The network of a BERT-family encoder (Devlin et al. 2018, <https://arxiv.org/abs/1810.04805>), without its pooler, in
//! whole numbers of 8 bits.
//!
//! Weights are rounded ahead, each output with a scale of its own; what goes into a product is rounded when it is known,
//! each word piece with a scale of its own (Dettmers et al. 2022, <https://arxiv.org/abs/2208.07339>, section 3). Everything
//! else is computed in 32 bits. One row for each word piece, the texts one after the other: a text's numbers do not depend
//! on what else is in a pass, and no two processors differ in a bit.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::kernels::{Kernel, Work};
use super::numbers::{Scale, gelu, normalise, product, quantise, softmax};
use super::panels::{LANES, Panels};
use crate::embedding::shape::Shape;
use crate::embedding::weights::{Rows8, Weights, WeightsError};

/// How many word pieces go through a product together: what comes out of it stays near the processor.
const BLOCK: usize = 32;

/// The weights.
pub(super) struct Network {
    /// One row for each word piece of the vocabulary.
    words: Rows8,
    /// One row for each position; the type of the (only) segment is added in.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    hidden: usize,
    wide: usize,
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

/// Where a pass computes; kept so that no pass asks for memory.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The result: one row for each word piece.
    states: Vec<f32>,
    /// Queries, keys and values.
    attention: Vec<f32>,
    /// What each word piece gathered.
    mixed: Vec<f32>,
    /// The widest layer, for one block.
    wide: Vec<f32>,
    product: Product,
    head: Head,
}

/// What a product needs.
#[derive(Debug, Default)]
struct Product {
    inputs: Vec<i8>,
    scales: Vec<Scale>,
    room: Vec<u8>,
    sums: Vec<i32>,
}

/// What one head of the attention needs.
#[derive(Debug, Default)]
struct Head {
    /// One row for each feature, one column for each word piece.
    keys: Vec<[f32; LANES]>,
    /// One row for each word piece.
    values: Vec<[f32; LANES]>,
    /// One row for each word piece that looks, one column for each that is looked at.
    scores: Vec<[f32; LANES]>,
    /// One row for each word piece.
    gathered: Vec<[f32; LANES]>,
}

impl Network {
    /// Takes the weights out of a safetensors file.
    pub(super) fn load(file: &[u8], shape: &Shape) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let weights = Weights::open(file)?;
        let Shape { hidden_size: hidden, intermediate_size: wide, num_attention_heads: heads, .. } = *shape;
        let width = shape.head_width()?;
        if wide == 0 || hidden.max(wide) > Panels::MOST_FEATURES {
            return Err(format!(
                "expected layers of 1 to {} features, found {hidden} and {wide}",
                Panels::MOST_FEATURES
            )
            .into());
        }
        let norm = |name: &str| Norm::load(&weights, name, hidden, shape.layer_norm_eps);
        let layer = |index: usize| {
            let linear =
                |part: &str, shape| Linear::load(&weights, &[(&format!("encoder.layer.{index}.{part}"), 1.0)], shape);
            let self_attention = |part: &str| format!("encoder.layer.{index}.attention.self.{part}");
            // The softmax is one of powers of two.
            let scale = std::f32::consts::LOG2_E / (width as f32).sqrt();
            let attention =
                [(&*self_attention("query"), scale), (&*self_attention("key"), 1.0), (&*self_attention("value"), 1.0)];
            let norm = |part: &str| norm(&format!("encoder.layer.{index}.{part}"));
            Ok::<_, WeightsError>(Layer {
                attention: Linear::load(&weights, &attention, [hidden, hidden])?,
                attention_output: linear("attention.output.dense", [hidden, hidden])?,
                attention_norm: norm("attention.output.LayerNorm")?,
                intermediate: linear("intermediate.dense", [wide, hidden])?,
                output: linear("output.dense", [hidden, wide])?,
                output_norm: norm("output.LayerNorm")?,
            })
        };
        let name = |part: &str| format!("embeddings.{part}_embeddings.weight");
        let mut positions = weights.floats(&name("position"), &[shape.max_position_embeddings, hidden])?;
        let segments = weights.floats(&name("token_type"), &[shape.type_vocab_size, hidden])?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&segments).for_each(|(number, segment)| *number += segment);
        }
        Ok(Self {
            words: weights.rows8(&name("word"), [shape.vocab_size, hidden])?,
            positions,
            norm: norm("embeddings.LayerNorm")?,
            layers: (0..shape.num_hidden_layers).into_par_iter().map(layer).collect::<Result<_, _>>()?,
            hidden,
            wide,
            heads,
        })
    }

    /// How many word pieces the vocabulary has.
    pub(super) fn vocabulary(&self) -> usize {
        self.words.scales.len()
    }

    /// The last layer's state of each word piece, one row after the other, the texts in their order.
    ///
    /// # Panics
    /// When a word piece is not in the vocabulary, or a text is longer than the network has positions.
    pub(super) fn forward<'s>(&self, kernel: Kernel, texts: &[&[u32]], scratch: &'s mut Scratch) -> &'s [f32] {
        kernel.run(Pass { network: self, kernel, texts, scratch });
        &scratch.states
    }
}

/// Texts on their way through the network.
struct Pass<'a> {
    network: &'a Network,
    kernel: Kernel,
    texts: &'a [&'a [u32]],
    scratch: &'a mut Scratch,
}

impl Work for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        self.embed();
        for layer in &self.network.layers {
            self.attend(layer);
            self.feed_forward(layer);
        }
    }
}

impl Pass<'_> {
    /// Words and positions.
    #[inline(always)]
    fn embed(&mut self) {
        let Network { words, positions, norm, hidden, .. } = self.network;
        let pieces = self.texts.iter().map(|text| text.len()).sum::<usize>();
        fit(&mut self.scratch.states, pieces * hidden);
        let ids = self.texts.iter().flat_map(|text| text.iter().zip(positions.chunks_exact(*hidden)));
        for (state, (&id, position)) in self.scratch.states.chunks_exact_mut(*hidden).zip(ids) {
            let id = id as usize;
            let (word, scale) = (&words.numbers[id * hidden..(id + 1) * hidden], words.scales[id]);
            for ((number, word), position) in state.iter_mut().zip(word).zip(position) {
                *number = f32::from(*word) * scale + position;
            }
            norm.apply(state);
        }
    }

    /// Each word piece gathers from the others of its text what its heads look for.
    #[inline(always)]
    fn attend(&mut self, layer: &Layer) {
        let Scratch { states, attention, mixed, product, head, .. } = &mut *self.scratch;
        let hidden = self.network.hidden;
        fit(attention, states.len() * 3);
        fit(mixed, states.len());
        layer.attention.apply(self.kernel, product, states, attention, |number, new| *number = new);
        let mut start = 0;
        for text in self.texts {
            for index in 0..self.network.heads {
                let width = hidden / self.network.heads;
                head.gather(attention, start..start + text.len(), hidden, index * width..(index + 1) * width, mixed);
            }
            start += text.len();
        }
        layer.attention_output.apply(self.kernel, product, mixed, states, |number, new| *number += new);
        states.chunks_exact_mut(hidden).for_each(|state| layer.attention_norm.apply(state));
    }

    /// Each word piece by itself, through a wider layer.
    #[inline(always)]
    fn feed_forward(&mut self, layer: &Layer) {
        let Scratch { states, wide, product, .. } = &mut *self.scratch;
        let hidden = self.network.hidden;
        for states in states.chunks_mut(BLOCK * hidden) {
            fit(wide, states.len() / hidden * self.network.wide);
            layer.intermediate.apply(self.kernel, product, states, wide, |number, new| *number = gelu(new));
            layer.output.apply(self.kernel, product, wide, states, |number, new| *number += new);
            states.chunks_exact_mut(hidden).for_each(|state| layer.output_norm.apply(state));
        }
    }
}

impl Head {
    /// Writes into the columns `features` of `mixed` what a head gathers among the word pieces of one text. `attention` has
    /// the queries, keys and values of a word piece in one row, `hidden` numbers each.
    #[inline(always)]
    fn gather(
        &mut self,
        attention: &[f32],
        pieces: Range<usize>,
        hidden: usize,
        features: Range<usize>,
        mixed: &mut [f32],
    ) {
        let (count, width) = (pieces.len(), features.len());
        let (columns, blocks) = (count.div_ceil(LANES), width.div_ceil(LANES));
        fit(&mut self.keys, width * columns);
        fit(&mut self.values, count * blocks);
        fit(&mut self.scores, count * columns);
        fit(&mut self.gathered, count * blocks);
        let attention = &attention[pieces.start * 3 * hidden..pieces.end * 3 * hidden];
        for (piece, row) in attention.chunks_exact(3 * hidden).enumerate() {
            let key = &row[hidden + features.start..hidden + features.end];
            for (feature, number) in key.iter().enumerate() {
                self.keys[feature * columns + piece / LANES][piece % LANES] = *number;
            }
            let value = &row[2 * hidden + features.start..2 * hidden + features.end];
            self.values[piece * blocks..(piece + 1) * blocks].as_flattened_mut()[..width].copy_from_slice(value);
        }
        let queries = &attention[features.start..];
        product((queries, 3 * hidden, count, width), (&self.keys, columns), &mut self.scores);
        self.scores.chunks_exact_mut(columns).for_each(|scores| softmax(scores, count));
        let shares = self.scores.as_flattened();
        product((shares, columns * LANES, count, count), (&self.values, blocks), &mut self.gathered);
        let rows = mixed[pieces.start * hidden..pieces.end * hidden].chunks_exact_mut(hidden);
        for (row, gathered) in rows.zip(self.gathered.chunks_exact(blocks)) {
            row[features.clone()].copy_from_slice(&gathered.as_flattened()[..width]);
        }
    }
}

/// Makes room for exactly so many numbers, whose values do not matter.
#[inline(always)]
fn fit<T: Copy + Default>(numbers: &mut Vec<T>, count: usize) {
    numbers.resize(count, T::default());
}

/// A product with a matrix, and a number added to each feature.
struct Linear {
    panels: Panels,
    scales: Vec<f32>,
    /// The sum of each output's weights: what a number adds that all inputs have in common.
    totals: Vec<f32>,
    bias: Vec<f32>,
    features: usize,
}

impl Linear {
    /// Several layers that read the same become one. What each gives is multiplied by the number beside its name.
    fn load(weights: &Weights<'_>, parts: &[(&str, f32)], shape: [usize; 2]) -> Result<Self, WeightsError> {
        let [outputs, features] = shape;
        let mut all = Rows8 { numbers: Vec::new(), scales: Vec::new() };
        let mut bias = Vec::new();
        for (name, factor) in parts {
            let Rows8 { numbers, scales } = weights.rows8(&format!("{name}.weight"), shape)?;
            all.numbers.extend(numbers);
            all.scales.extend(scales.iter().map(|scale| scale * factor));
            bias.extend(weights.floats(&format!("{name}.bias"), &[outputs])?.iter().map(|bias| bias * factor));
        }
        let rows = all.numbers.chunks_exact(features).zip(&all.scales);
        let totals = rows.map(|(row, scale)| row.iter().map(|&weight| i32::from(weight)).sum::<i32>() as f32 * scale);
        let (totals, panels) = (totals.collect(), Panels::pack(&all.numbers, all.scales.len(), features));
        Ok(Self { panels, scales: all.scales, totals, bias, features })
    }

    /// Hands each number of `outputs` with what comes out for it to `write`.
    #[inline(always)]
    fn apply(
        &self,
        kernel: Kernel,
        product: &mut Product,
        inputs: &[f32],
        outputs: &mut [f32],
        write: impl Fn(&mut f32, f32),
    ) {
        let Product { inputs: bytes, scales, room, sums } = product;
        let (width, height) = (self.panels.width(), self.panels.height());
        let blocks = outputs.chunks_mut(BLOCK * self.bias.len()).zip(inputs.chunks(BLOCK * self.features));
        for (outputs, inputs) in blocks {
            let rows = inputs.len() / self.features;
            fit(bytes, rows * width);
            fit(scales, rows);
            fit(sums, rows * height);
            let each = bytes.chunks_exact_mut(width).zip(inputs.chunks_exact(self.features));
            for ((bytes, inputs), scale) in each.zip(scales.iter_mut()) {
                *scale = quantise(inputs, bytes);
            }
            kernel.multiply(&self.panels, bytes, room, sums);
            let each = outputs.chunks_exact_mut(self.bias.len()).zip(sums.chunks_exact(height));
            for ((outputs, sums), Scale { scale, middle }) in each.zip(scales.iter()) {
                let learned = self.scales.iter().zip(&self.totals).zip(&self.bias);
                for ((output, sum), ((factor, total), bias)) in outputs.iter_mut().zip(sums).zip(learned) {
                    write(output, *sum as f32 * (scale * factor) + (middle * total + bias));
                }
            }
        }
    }
}

/// Scales the features of a word piece; see [`normalise`].
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn load(weights: &Weights<'_>, name: &str, features: usize, epsilon: f32) -> Result<Self, WeightsError> {
        let part = |part: &str| weights.floats(&format!("{name}.{part}"), &[features]);
        Ok(Self { weight: part("weight")?, bias: part("bias")?, epsilon })
    }

    #[inline(always)]
    fn apply(&self, row: &mut [f32]) {
        normalise(row, &self.weight, &self.bias, self.epsilon);
    }
}
