//! What is computed in 32 bits between the products: scaling, softmax, GELU, and the small products of the attention.
//!
//! Plain loops that the compiler turns into vectors of whatever width the kernel has; therefore everything here is inlined
//! into what a kernel [runs](super::kernels::Kernel::run). Sums go through sixteen lanes in a fixed order and nothing is
//! fused, so that every processor gets the same numbers.

use super::panels::LANES;
use crate::embedding::weights::MOST;

/// Added to a number below 2²² and taken away again, it leaves the nearest whole number; the lowest bits of the sum are that
/// number's.
const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³

/// How rounded numbers become the ones they stand for: `middle + scale · number`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Scale {
    pub(super) scale: f32,
    pub(super) middle: f32,
}

/// Rounds a row to whole numbers within ±127, which lie around the middle between the lowest and the highest: states have
/// few large numbers, and those mostly on one side. What `bytes` has more is 0.
#[inline(always)]
pub(super) fn quantise(row: &[f32], bytes: &mut [i8]) -> Scale {
    let (lowest, highest) = bounds(row);
    let (middle, half) = ((lowest + highest) * 0.5, (highest - lowest) * 0.5);
    let inverse = if half > 0.0 { MOST / half } else { 0.0 };
    let (used, unused) = bytes.split_at_mut(row.len());
    for (byte, number) in used.iter_mut().zip(row) {
        *byte = ((number - middle) * inverse + ROUND).to_bits() as i8;
    }
    unused.fill(0);
    Scale { scale: half / MOST, middle }
}

/// The lowest and the highest number; 0 and 0 of none.
#[inline(always)]
fn bounds(row: &[f32]) -> (f32, f32) {
    let lower = |a: f32, b: f32| if b < a { b } else { a };
    let higher = |a: f32, b: f32| if b > a { b } else { a };
    let first = row.first().copied().unwrap_or(0.0);
    let (chunks, rest) = row.as_chunks::<LANES>();
    let (mut lowest, mut highest) = ([first; LANES], [first; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            lowest[lane] = lower(lowest[lane], chunk[lane]);
            highest[lane] = higher(highest[lane], chunk[lane]);
        }
    }
    let rest = || rest.iter().copied();
    (lowest.into_iter().chain(rest()).fold(first, lower), highest.into_iter().chain(rest()).fold(first, higher))
}

/// The sum over a row of what `of` makes of each number.
#[inline(always)]
fn sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += of(chunk[lane]);
        }
    }
    lanes.into_iter().chain(rest.iter().map(|&number| of(number))).fold(0.0, |sum, number| sum + number)
}

/// Scales the features of a word piece to mean 0 and variance 1, then by learned numbers.
#[inline(always)]
pub(super) fn normalise(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let features = row.len() as f32;
    let mean = sum(row, |number| number) / features;
    let variance = sum(row, |number| (number - mean) * (number - mean)) / features;
    let scale = 1.0 / (variance + epsilon).sqrt();
    for ((number, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
        *number = (*number - mean) * scale * weight + bias;
    }
}

/// Two to the power of each number, divided by their sum: the softmax of scores that were scaled by log₂ e beforehand. Only
/// the first `count` numbers count; the others become 0.
#[inline(always)]
pub(super) fn softmax(scores: &mut [[f32; LANES]], count: usize) {
    let scores = scores.as_flattened_mut();
    let (scores, unused) = scores.split_at_mut(count);
    let most = scores.iter().fold(f32::NEG_INFINITY, |most, &score| if score > most { score } else { most });
    scores.iter_mut().for_each(|score| *score = exp2(*score - most));
    unused.fill(0.0);
    let inverse = 1.0 / sum(scores, |score| score);
    scores.iter_mut().for_each(|score| *score *= inverse);
}

/// Two to the power of a number that is not above 0, to within 3 millionths of itself (tested below): a polynomial for the
/// part behind the point, fitted by least squares that were reweighted until the largest error was smallest; the whole part
/// goes into the exponent's bits.
#[inline(always)]
fn exp2(x: f32) -> f32 {
    let x = if x > -126.0 { x } else { -126.0 };
    let shifted = x + ROUND;
    let x = x - (shifted - ROUND);
    let power = 0.009_570_102_f32;
    let power = power * x + 0.055_917_862;
    let power = power * x + 0.240_247_45;
    let power = power * x + 0.693_121_8;
    let power = power * x + 0.999_999_3;
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `x · Φ(x)` to within a ten-thousandth (tested below), of which the next product keeps less than a hundredth. Φ is a
/// polynomial, fitted as above, that is exactly 0 and 1 where it ends.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    const END: f32 = 4.2;
    let z = if x > END { END } else { x };
    let z = if z < -END { -END } else { z };
    let square = z * z;
    let part = -1.803_505_5e-9_f32;
    let part = part * square + 1.588_267_2e-7;
    let part = part * square - 6.075_861e-6;
    let part = part * square + 1.337_813_6e-4;
    let part = part * square - 1.901_314_8e-3;
    let part = part * square + 1.859_645_7e-2;
    let part = part * square - 1.310_564e-1;
    let part = part * square + 7.969_317_4e-1;
    0.5 * x * (1.0 + z * part)
}

/// The product of `rows` rows of `depth` numbers, which begin `stride` apart, with a matrix of `depth` rows of `blocks`
/// blocks. `products` has `blocks` blocks a row.
#[inline(always)]
pub(super) fn product(
    (left, stride, rows, depth): (&[f32], usize, usize, usize),
    (right, blocks): (&[[f32; LANES]], usize),
    products: &mut [[f32; LANES]],
) {
    let mut row = 0;
    while rows - row >= 4 {
        let left = [0, 1, 2, 3].map(|at| &left[(row + at) * stride..][..depth]);
        some_rows(left, (right, blocks), &mut products[row * blocks..]);
        row += 4;
    }
    while row < rows {
        some_rows([&left[row * stride..][..depth]], (right, blocks), &mut products[row * blocks..]);
        row += 1;
    }
}

#[inline(always)]
fn some_rows<const ROWS: usize>(
    left: [&[f32]; ROWS],
    (right, blocks): (&[[f32; LANES]], usize),
    products: &mut [[f32; LANES]],
) {
    let depth = left[0].len();
    let left = left.map(|row| &row[..depth]);
    let right = &right[..depth * blocks];
    for block in 0..blocks {
        let mut sums = [[0.0; LANES]; ROWS];
        for at in 0..depth {
            let right = &right[at * blocks + block];
            for row in 0..ROWS {
                for lane in 0..LANES {
                    sums[row][lane] += left[row][at] * right[lane];
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            products[row * blocks + block] = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_around_their_middle() {
        let mut bytes = [9; 8];
        // From -2 to 8: 254 steps of 10 / 254.
        let scale = quantise(&[3.0, -2.0, 8.0, 3.02, 7.99, -1.97], &mut bytes);
        assert_eq!(bytes, [0, -127, 127, 1, 127, -126, 0, 0]);
        assert_eq!(scale, Scale { scale: 5.0 / 127.0, middle: 3.0 });
        assert_eq!(quantise(&[7.0; 8], &mut bytes), Scale { scale: 0.0, middle: 7.0 });
        assert_eq!(bytes, [0; 8]);
    }

    #[test]
    fn gelu_is_within_a_ten_thousandth() {
        for index in -10_240..=10_240 {
            let x = index as f32 / 1024.0;
            let exact = candle_core::Tensor::new(f64::from(x), &candle_core::Device::Cpu).unwrap().gelu_erf().unwrap();
            let (exact, found) = (exact.to_scalar::<f64>().unwrap(), f64::from(gelu(x)));
            assert!((found - exact).abs() < 1e-4, "{found} for {exact} at {x}");
        }
    }

    #[test]
    fn powers_of_two_are_within_three_millionths() {
        for index in 0..=126_000 {
            let x = -index as f32 / 1000.0;
            let (exact, found) = (f64::from(x).exp2(), f64::from(exp2(x)));
            assert!((found / exact - 1.0).abs() < 3e-6, "{found} for {exact} at {x}");
        }
        assert!(exp2(-1e9) < 1.2e-38 && exp2(f32::NEG_INFINITY) >= 0.0);
    }

    #[test]
    fn a_norm_has_mean_zero_and_variance_one() {
        let mut row: Vec<f32> = (0..21).map(|number| number as f32).collect();
        normalise(&mut row, &[2.0; 21], &[1.0; 21], 0.0);
        // The numbers from 0 to 20 have mean 10 and variance 110 / 3.
        for (index, number) in row.iter().enumerate() {
            let expected = (index as f32 - 10.0) / (110.0_f32 / 3.0).sqrt() * 2.0 + 1.0;
            assert!((number - expected).abs() < 1e-5, "{number} for {expected}");
        }
    }

    #[test]
    fn shares_sum_to_one_and_what_does_not_count_has_none() {
        let mut scores = [[1.0; LANES]; 2];
        scores[0][3] = 3.0;
        softmax(&mut scores, 18);
        let scores = scores.as_flattened();
        // 4 times as much as each of the 17 others.
        assert!((scores[3] - 8.0 / 2.0 / (17.0 + 4.0)).abs() < 1e-6, "{}", scores[3]);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(scores[18..], [0.0; 14]);
    }

    #[test]
    fn a_product_is_the_sum_of_products() {
        // Six rows of three numbers, two apart more than they are long; three rows of two blocks.
        let left: Vec<f32> = (0..30).map(|number| number as f32).collect();
        let right: Vec<[f32; LANES]> = (0..6).map(|row| std::array::from_fn(|lane| (row * lane) as f32)).collect();
        let mut products = vec![[f32::NAN; LANES]; 12];
        product((&left, 5, 6, 3), (&right, 2), &mut products);
        for row in 0..6 {
            for column in 0..2 * LANES {
                let one = |at: usize| left[row * 5 + at] * right[at * 2 + column / LANES][column % LANES];
                assert_eq!(products[row * 2 + column / LANES][column % LANES], one(0) + one(1) + one(2));
            }
        }
    }
}
