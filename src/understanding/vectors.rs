//! Sums over vectors, with the widest registers that the processor has.

use pulp::{Arch, Simd, WithSimd};

/// The dot product of two vectors of one length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            dot_with(simd, self.0, self.1)
        }
    }
    Arch::new().dispatch(Dot(a, b))
}

/// The dot product of a vector with each row of a matrix.
pub fn products(rows: &[f32], vector: &[f32]) -> Vec<f32> {
    struct Products<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for Products<'_> {
        type Output = Vec<f32>;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let mut products = Vec::with_capacity(self.0.len() / self.1.len().max(1));
            for row in self.0.chunks_exact(self.1.len().max(1)) {
                products.push(dot_with(simd, row, self.1));
            }
            products
        }
    }
    Arch::new().dispatch(Products(rows, vector))
}

/// Of each of several vectors, the largest product with a row of each class, zero at least; `classes` has the rows' classes,
/// below `count`. Some vectors at a time, so that a row comes from memory once for all of them.
pub fn best_of_classes(rows: &[f32], classes: &[usize], count: usize, vectors: &[&[f32]]) -> Vec<Vec<f32>> {
    struct Best<'a>(&'a [f32], &'a [usize], usize, &'a [&'a [f32]]);
    impl WithSimd for Best<'_> {
        type Output = Vec<Vec<f32>>;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<Vec<f32>> {
            const AT_ONCE: usize = 8;
            let Self(rows, classes, count, vectors) = self;
            let mut best = vec![vec![0.0_f32; count]; vectors.len()];
            for (vectors, best) in vectors.chunks(AT_ONCE).zip(best.chunks_mut(AT_ONCE)) {
                let width = vectors.iter().map(|vector| vector.len()).max().unwrap_or(0).max(1);
                for (row, class) in rows.chunks_exact(width).zip(classes) {
                    for (vector, best) in vectors.iter().zip(&mut *best) {
                        best[*class] = best[*class].max(dot_with(simd, row, vector));
                    }
                }
            }
            best
        }
    }
    Arch::new().dispatch(Best(rows, classes, count, vectors))
}

/// [`dot`] within a computation that has chosen its registers. Four sums, since one would wait for itself.
#[inline(always)]
pub fn dot_with<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (a_fours, a_ones) = a.as_chunks::<4>();
    let (b_fours, b_ones) = b.as_chunks::<4>();
    for (a, b) in a_fours.iter().zip(b_fours) {
        sums[0] = simd.mul_add_e_f32s(a[0], b[0], sums[0]);
        sums[1] = simd.mul_add_e_f32s(a[1], b[1], sums[1]);
        sums[2] = simd.mul_add_e_f32s(a[2], b[2], sums[2]);
        sums[3] = simd.mul_add_e_f32s(a[3], b[3], sums[3]);
    }
    for (a, b) in a_ones.iter().zip(b_ones) {
        sums[0] = simd.mul_add_e_f32s(*a, *b, sums[0]);
    }
    let sum = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
    let mut sum = simd.reduce_sum_f32s(sum);
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += a * b;
    }
    sum
}

/// Adds `factor` times a vector to another.
#[inline(always)]
pub fn add_with<S: Simd>(simd: S, to: &mut [f32], factor: f32, vector: &[f32]) {
    let ((to, to_rest), (vector, rest)) = (S::as_mut_simd_f32s(to), S::as_simd_f32s(vector));
    let factors = simd.splat_f32s(factor);
    for (to, number) in to.iter_mut().zip(vector) {
        *to = simd.mul_add_e_f32s(factors, *number, *to);
    }
    for (to, number) in to_rest.iter_mut().zip(rest) {
        *to += factor * number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_summed_whole() {
        for length in [0, 1, 7, 8, 31, 33, 384, 401] {
            let a: Vec<f32> = (0..length).map(|at| (at % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..length).map(|at| (at % 5) as f32 - 2.0).collect();
            let expected: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            assert_eq!(dot(&a, &b), expected, "{length}");
            let rows = [a.clone(), b.clone()].concat();
            let own: f32 = b.iter().map(|b| b * b).sum();
            assert_eq!(products(&rows, &b), if length == 0 { vec![] } else { vec![expected, own] }, "{length}");
        }
    }

    #[test]
    fn each_has_the_best_of_each_class() {
        let rows: Vec<f32> = (0..5 * 3).map(|at| (at % 7) as f32 - 3.0).collect();
        let classes = [0, 2, 0, 2, 1];
        let vectors: Vec<Vec<f32>> = (0..20).map(|at| vec![1.0, at as f32 - 10.0, 0.5]).collect();
        let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let best = best_of_classes(&rows, &classes, 4, &vectors);
        for (vector, best) in vectors.iter().zip(&best) {
            let products = products(&rows, vector);
            let of = |class: usize| products.iter().zip(classes).filter(move |(_, of)| *of == class).map(|(p, _)| *p);
            let expected: Vec<f32> = (0..4).map(|class| of(class).fold(0.0, f32::max)).collect();
            assert_eq!(*best, expected);
        }
        assert_eq!(best_of_classes(&rows, &classes, 4, &[]), Vec::<Vec<f32>>::new());
    }

    #[test]
    fn a_multiple_is_added() {
        struct Add<'a>(&'a mut [f32], &'a [f32]);
        impl WithSimd for Add<'_> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                add_with(simd, self.0, 0.5, self.1);
            }
        }
        let vector: Vec<f32> = (0..19).map(|at| at as f32).collect();
        let mut sum = vec![1.0; 19];
        Arch::new().dispatch(Add(&mut sum, &vector));
        assert_eq!(sum, vector.iter().map(|number| 1.0 + number / 2.0).collect::<Vec<_>>());
    }
}
