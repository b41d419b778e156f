//! A matrix of 8-bit numbers, laid out in the order in which the kernels read it.
//!
//! A *panel* has 16 outputs. It consists of *steps*: 4 weights of the first output, 4 of the second, … 64 bytes, which a
//! register of 512 bits holds. What a matrix lacks to a whole panel or step is filled with zeros.

/// The outputs of a panel.
pub(super) const LANES: usize = 16;
/// The features of a step.
pub(super) const DEPTH: usize = 4;
/// The bytes of a step.
pub(super) const STEP: usize = LANES * DEPTH;

/// The matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panels {
    /// Of one panel.
    steps: usize,
    numbers: Vec<[i8; STEP]>,
    /// See [`Panel::flipped`].
    flipped: Vec<[i32; LANES]>,
}

/// Sixteen outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel<'a> {
    /// The weights, four features at a time.
    pub(super) steps: &'a [[i8; STEP]],
    /// Where the sums begin if 128 was added to each input: −128 times the sum of the weights.
    pub(super) flipped: &'a [i32; LANES],
}

impl Panels {
    /// The most features: the sums of 127 · 128 fit 32 bits, whatever a kernel adds to them.
    pub(super) const MOST_FEATURES: usize = 1 << 15;

    /// Packs rows of `features` weights, one row for each output.
    ///
    /// # Panics
    /// When the numbers are not `outputs` rows of 1 to 32,768 features.
    pub(super) fn pack(numbers: &[i8], outputs: usize, features: usize) -> Self {
        assert!(
            (1..=Self::MOST_FEATURES).contains(&features) && numbers.len() == outputs * features,
            "rows of {features}"
        );
        let steps = features.div_ceil(DEPTH);
        let mut packed = vec![[0; STEP]; outputs.div_ceil(LANES) * steps];
        let mut flipped = vec![[0; LANES]; outputs.div_ceil(LANES)];
        for (output, row) in numbers.chunks_exact(features).enumerate() {
            let (panel, lane) = (output / LANES, output % LANES);
            let places = packed[panel * steps..].iter_mut().map(|step| &mut step[lane * DEPTH..(lane + 1) * DEPTH]);
            for (place, weights) in places.zip(row.chunks(DEPTH)) {
                place[..weights.len()].copy_from_slice(weights);
            }
            flipped[panel][lane] = -128 * row.iter().map(|weight| i32::from(*weight)).sum::<i32>();
        }
        Self { steps, numbers: packed, flipped }
    }

    /// How many bytes a row of inputs has.
    pub(super) fn width(&self) -> usize {
        self.steps * DEPTH
    }

    /// How many sums a row of inputs gives.
    pub(super) fn height(&self) -> usize {
        self.flipped.len() * LANES
    }

    /// How many panels there are.
    pub(super) fn count(&self) -> usize {
        self.flipped.len()
    }

    /// One of them.
    pub(super) fn get(&self, index: usize) -> Panel<'_> {
        let steps = &self.numbers[index * self.steps..(index + 1) * self.steps];
        Panel { steps, flipped: &self.flipped[index] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_features_of_each_output_lie_together() {
        // 17 outputs of 5 features: two panels of two steps.
        let numbers: Vec<i8> = (0..85).collect();
        let panels = Panels::pack(&numbers, 17, 5);
        assert_eq!((panels.width(), panels.height()), (8, 32));
        let panels = [panels.get(0), panels.get(1)];
        assert_eq!(panels[0].steps[0][..8], [0, 1, 2, 3, 5, 6, 7, 8]);
        assert_eq!(panels[0].steps[1][..8], [4, 0, 0, 0, 9, 0, 0, 0]);
        assert_eq!(panels[1].steps[0][..8], [80, 81, 82, 83, 0, 0, 0, 0]);
        assert_eq!(panels[0].flipped[..2], [-128 * 10, -128 * 35]);
        assert_eq!(panels[1].flipped[..2], [-128 * 410, 0]);
    }
}
