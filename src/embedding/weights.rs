//! The tensors of a safetensors file, in any of the types that a model folder may have, and 8-bit numbers themselves.
//!
//! A matrix of 8-bit weights has a scale for each row, in a tensor of its own: `NAME` holds whole numbers within ±127,
//! `NAME.scale` what each row is multiplied with. The scale is the largest weight of the row over 127.

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// What stands after a matrix's name in the name of its scales.
pub(super) const SCALE: &str = ".scale";

/// The largest whole number: ±127, so that every number has its opposite.
pub(super) const MOST: f32 = 127.0;

/// The file.
pub(super) struct Weights<'a>(SafeTensors<'a>);

/// Why a tensor cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum WeightsError {
    #[error(transparent)]
    File(#[from] safetensors::SafeTensorError),
    #[error("the tensor `{name}`: expected the shape {expected:?}, found {found:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("the tensor `{name}`: expected F16, F32 or I8, found {found}")]
    Type { name: String, found: Dtype },
}

/// A matrix in 8 bits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows8 {
    /// One row after the other, each number within ±127.
    pub(super) numbers: Vec<i8>,
    /// What the numbers of each row are multiplied with.
    pub(super) scales: Vec<f32>,
}

impl<'a> Weights<'a> {
    pub(super) fn open(file: &'a [u8]) -> Result<Self, WeightsError> {
        Ok(Self(SafeTensors::deserialize(file)?))
    }

    /// A tensor of the shape, in 32 bits.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.tensor(name, shape)?;
        if tensor.dtype() != Dtype::I8 {
            return floats(name, &tensor);
        }
        let Rows8 { numbers, scales } = self.rows8_of(name, &tensor, shape)?;
        let rows = numbers.chunks_exact(numbers.len().checked_div(scales.len()).unwrap_or(0).max(1)).zip(scales);
        Ok(rows.flat_map(|(row, scale)| row.iter().map(move |number| f32::from(*number) * scale)).collect())
    }

    /// A matrix of the shape (rows, columns), in 8 bits: as it is, or rounded now.
    pub(super) fn rows8(&self, name: &str, shape: [usize; 2]) -> Result<Rows8, WeightsError> {
        let tensor = self.tensor(name, &shape)?;
        if tensor.dtype() == Dtype::I8 {
            return self.rows8_of(name, &tensor, &shape);
        }
        Ok(Rows8::round(&floats(name, &tensor)?, shape[1]))
    }

    fn rows8_of(&self, name: &str, tensor: &TensorView<'_>, shape: &[usize]) -> Result<Rows8, WeightsError> {
        // The smallest number has no opposite; no file of ours holds it.
        let numbers = tensor.data().iter().map(|byte| byte.cast_signed().max(-127)).collect();
        Ok(Rows8 { numbers, scales: self.floats(&format!("{name}{SCALE}"), &shape[..1])? })
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<TensorView<'a>, WeightsError> {
        let tensor = self.0.tensor(name)?;
        if tensor.shape() != shape {
            let (expected, found) = (shape.to_vec(), tensor.shape().to_vec());
            return Err(WeightsError::Shape { name: name.to_owned(), expected, found });
        }
        Ok(tensor)
    }
}

/// The numbers of a tensor of 16 or 32 bits.
pub(super) fn floats(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, WeightsError> {
    Ok(match tensor.dtype() {
        Dtype::F32 => tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => tensor.data().as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
        found => return Err(WeightsError::Type { name: name.to_owned(), found }),
    })
}

impl Rows8 {
    /// Rounds rows of `width` numbers.
    pub(super) fn round(numbers: &[f32], width: usize) -> Self {
        let mut rounded = Vec::with_capacity(numbers.len());
        let mut scales = Vec::with_capacity(numbers.len() / width.max(1));
        for row in numbers.chunks_exact(width.max(1)) {
            let most = row.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
            let scale = most / MOST;
            let inverse = if most > 0.0 { MOST / most } else { 0.0 };
            // Within ±127 by the line above; nothing is cut off.
            rounded.extend(row.iter().map(|number| (number * inverse).round() as i8));
            scales.push(scale);
        }
        Self { numbers: rounded, scales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_the_largest_number_of_each_row() {
        let rows = Rows8::round(&[1.0, -2.0, 0.5, 0.0, 0.0, 0.0, -1e-3, 3e-4, 0.0], 3);
        assert_eq!(rows.numbers, [64, -127, 32, 0, 0, 0, -127, 38, 0]);
        assert_eq!(rows.scales, [2.0 / 127.0, 0.0, 1e-3 / 127.0]);
    }
}
