//! The product of the encoder, in whole numbers of 8 bits, for each kind of processor; and the only place in Sayso that is
//! not safe Rust.
//!
//! Both factors are within ±127 and every sum is exact, so all kernels give the same sums, bit for bit. The portable one
//! says what is right. Hardly a processor multiplies signed bytes with each other; what each does instead:
//!
//! - AVX2 has `vpmaddubsw`, an unsigned byte by a signed one, but its pairs overflow 16 bits unless one factor loses a bit,
//!   or signs are moved from one to the other with an instruction more. Widening both to 16 bits (`vpmaddwd`) is exact, and
//!   the faster by a third: weights are widened on the way, once for four rows, and inputs beforehand.
//! - VNNI has `vpdpbusd`, an unsigned byte by a signed one, four pairs added in 32 bits: 128 is added to the inputs, and 128
//!   times the sum of the weights is where the sums begin.
//! - NEON has the product of two signed bytes in 16 bits.

#![expect(unsafe_code, reason = "instructions that not every processor has")]

use super::panels::{DEPTH, LANES, Panels};

/// How this processor multiplies. Only what it can do can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// Something to compute with all that the processor has. `run` must be `#[inline(always)]`, and what it calls as well: only
/// then is it compiled for the wider registers.
pub(super) trait Work {
    type Output;
    fn run(self) -> Self::Output;
}

impl Kernel {
    /// Those that this processor has, the fastest first; the portable one is always among them.
    pub(super) fn all() -> Vec<Self> {
        let mut kinds = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 && is_x86_feature_detected!("avx512vnni") {
                kinds.push(Kind::Avx512Vnni);
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                kinds.push(Kind::AvxVnni);
            }
            if avx2 {
                kinds.push(Kind::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kinds.push(Kind::Neon);
        }
        kinds.push(Kind::Portable);
        kinds.into_iter().map(Self).collect()
    }

    /// The fastest that this processor has.
    pub(super) fn best() -> Self {
        Self::all().first().copied().unwrap_or(Self(Kind::Portable))
    }

    /// The products of rows of numbers with a matrix. `inputs` has [`Panels::width`] numbers a row, each within ±127; `sums`
    /// gets [`Panels::height`] numbers a row. `room` is overwritten, and kept by the caller so that it is not made anew.
    ///
    /// # Panics
    /// When the lengths do not fit.
    pub(super) fn multiply(self, panels: &Panels, inputs: &[i8], room: &mut Vec<u8>, sums: &mut [i32]) {
        let (width, height) = (panels.width(), panels.height());
        let rows = inputs.len() / width;
        assert!(inputs.len() == rows * width && sums.len() == rows * height, "rows of {width} give rows of {height}");
        room.clear();
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni | Kind::AvxVnni => room.extend(inputs.iter().map(|number| number.cast_unsigned() ^ 128)),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => room.extend(inputs.iter().flat_map(|number| i16::from(*number).to_ne_bytes())),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => room.extend(inputs.iter().map(|number| number.cast_unsigned())),
            Kind::Portable => {}
        }
        match self.0 {
            // SAFETY (all): `Kernel::all` has found the features, and nothing else makes a `Kernel`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => unsafe { x86::avx512_vnni(panels, room, sums) },
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => unsafe { x86::avx_vnni(panels, room, sums) },
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::avx2(panels, room, sums) },
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { arm::neon(panels, room, sums) },
            Kind::Portable => portable(panels, inputs, sums),
        }
    }

    /// Computes something with the instructions of this kernel. No instruction set changes a result: nothing is fused and
    /// no sum is reordered.
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            // SAFETY (both): as in `multiply`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => unsafe { x86::with_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni | Kind::Avx2 => unsafe { x86::with_avx2(work) },
            // The compiler takes NEON for granted on this processor.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => work.run(),
            Kind::Portable => work.run(),
        }
    }
}

/// Some rows of inputs, in the `BYTES` of a step's four numbers.
type Rows<'a, const ROWS: usize, const BYTES: usize> = [&'a [[u8; BYTES]]; ROWS];

/// All sums by `$tile`, which gives those of a group of rows and a group of panels: as many at once as fit the registers.
/// The sizes of the groups come in falling order and end in 1.
macro_rules! tiled {
    ($tile:ident::<$bytes:literal>($panels:ident, $inputs:ident, $sums:ident), panels: [$($of:literal),+], rows: $rows:tt) => {
        let mut panel = 0;
        $(
            while $panels.count() - panel >= $of {
                let group: [Panel<'_>; $of] = std::array::from_fn(|at| $panels.get(panel + at));
                tiled!($tile::<$bytes>($panels, $inputs, $sums), group: [group, panel, $of], rows: $rows);
                panel += $of;
            }
        )+
    };
    ($tile:ident::<$bytes:literal>($panels:ident, $inputs:ident, $sums:ident),
     group: [$group:ident, $panel:ident, $of:literal], rows: [$($rows:literal),+]) => {
        let (steps, _) = $inputs.as_chunks::<$bytes>();
        let (width, height) = ($panels.width() / DEPTH, $panels.height());
        let mut row = 0;
        $(
            while steps.len() / width - row >= $rows {
                let inputs: Rows<'_, $rows, $bytes> =
                    std::array::from_fn(|at| &steps[(row + at) * width..(row + at + 1) * width]);
                let sums: [[[i32; LANES]; $of]; $rows] = $tile($group, inputs);
                for (at, sums) in sums.iter().enumerate() {
                    let start = (row + at) * height + $panel * LANES;
                    $sums[start..start + $of * LANES].copy_from_slice(sums.as_flattened());
                }
                row += $rows;
            }
        )+
    };
}

/// What is right.
fn portable(panels: &Panels, inputs: &[i8], sums: &mut [i32]) {
    let (width, height) = (panels.width(), panels.height());
    for (inputs, sums) in inputs.chunks_exact(width).zip(sums.chunks_exact_mut(height)) {
        for (panel, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *sums = [0; LANES];
            for (weights, numbers) in panels.get(panel).steps.iter().zip(inputs.as_chunks::<DEPTH>().0) {
                for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<DEPTH>().0) {
                    for (weight, number) in weights.iter().zip(numbers) {
                        *sum += i32::from(*weight) * i32::from(*number);
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "each kernel uses its own dozen of intrinsics")]
    use std::arch::x86_64::*;

    use super::super::panels::{Panel, STEP};
    use super::{DEPTH, LANES, Panels, Rows, Work};

    #[target_feature(enable = "avx2")]
    pub(super) fn with_avx2<W: Work>(work: W) -> W::Output {
        work.run()
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    pub(super) fn with_avx512<W: Work>(work: W) -> W::Output {
        work.run()
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(panels: &Panels, inputs: &[u8], sums: &mut [i32]) {
        tiled!(avx2_tile::<8>(panels, inputs, sums), panels: [1], rows: [4, 3, 2, 1]);
    }

    #[target_feature(enable = "avx2,avxvnni")]
    pub(super) fn avx_vnni(panels: &Panels, inputs: &[u8], sums: &mut [i32]) {
        tiled!(avx_vnni_tile::<4>(panels, inputs, sums), panels: [1], rows: [6, 4, 2, 1]);
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn avx512_vnni(panels: &Panels, inputs: &[u8], sums: &mut [i32]) {
        tiled!(avx512_tile::<4>(panels, inputs, sums), panels: [2, 1], rows: [8, 4, 2, 1]);
    }

    /// The panel's first eight outputs, then the last eight: more accumulators would not fit the registers. One holds the sums
    /// of four outputs, each in two parts.
    #[target_feature(enable = "avx2")]
    fn avx2_tile<const ROWS: usize>(panel: [Panel<'_>; 1], inputs: Rows<'_, ROWS, 8>) -> [[[i32; LANES]; 1]; ROWS] {
        let mut tile = [[[0; LANES]; 1]; ROWS];
        let (count, [weights], inputs) = same_length(panel, inputs);
        for half in 0..2 {
            let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
            for step in 0..count {
                let (quarters, _) = weights[step].as_chunks::<{ STEP / 4 }>();
                let weights = [widened(&quarters[2 * half]), widened(&quarters[2 * half + 1])];
                for (sums, row) in sums.iter_mut().zip(inputs) {
                    let numbers = _mm256_set1_epi64x(i64::from_ne_bytes(row[step]));
                    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(weights[0], numbers));
                    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(weights[1], numbers));
                }
            }
            for (tile, sums) in tile.iter_mut().zip(sums) {
                let sums = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(sums[0], sums[1]));
                store(sums, &mut tile[0].as_chunks_mut().0[half]);
            }
        }
        tile
    }

    #[target_feature(enable = "avx2,avxvnni")]
    fn avx_vnni_tile<const ROWS: usize, const PANELS: usize>(
        panels: [Panel<'_>; PANELS],
        inputs: Rows<'_, ROWS, 4>,
    ) -> [[[i32; LANES]; PANELS]; ROWS] {
        let mut sums = [panels.map(|panel| eights(panel.flipped).map(|half| load(half))); ROWS];
        let (count, panels, inputs) = same_length(panels, inputs);
        for step in 0..count {
            for (panel, weights) in panels.into_iter().enumerate() {
                let weights = halves(&weights[step]);
                for (sums, row) in sums.iter_mut().zip(inputs) {
                    let numbers = _mm256_set1_epi32(i32::from_ne_bytes(row[step]));
                    for half in 0..2 {
                        sums[panel][half] = _mm256_dpbusd_avx_epi32(sums[panel][half], numbers, weights[half]);
                    }
                }
            }
        }
        sums.map(|sums| sums.map(|halves| joined(halves)))
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn avx512_tile<const ROWS: usize, const PANELS: usize>(
        panels: [Panel<'_>; PANELS],
        inputs: Rows<'_, ROWS, 4>,
    ) -> [[[i32; LANES]; PANELS]; ROWS] {
        // SAFETY: 64 bytes are read, as many as the array has; any bits are a vector, aligned or not.
        let start = panels.map(|panel| unsafe { _mm512_loadu_si512(panel.flipped.as_ptr().cast()) });
        let mut sums = [start; ROWS];
        let (count, panels, inputs) = same_length(panels, inputs);
        for step in 0..count {
            for (panel, weights) in panels.into_iter().enumerate() {
                // SAFETY: as above.
                let weights = unsafe { _mm512_loadu_si512(weights[step].as_ptr().cast()) };
                for (sums, row) in sums.iter_mut().zip(inputs) {
                    let numbers = _mm512_set1_epi32(i32::from_ne_bytes(row[step]));
                    sums[panel] = _mm512_dpbusd_epi32(sums[panel], numbers, weights);
                }
            }
        }
        let stored = |sum| {
            let mut numbers = [0; LANES];
            // SAFETY: 64 bytes are written, as many as the array has.
            unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), sum) };
            numbers
        };
        sums.map(|sums| sums.map(stored))
    }

    /// The steps of panels and rows, all cut to the same length, so that no bound is checked within the loop.
    #[inline(always)]
    fn same_length<'a, const ROWS: usize, const PANELS: usize, const BYTES: usize>(
        panels: [Panel<'a>; PANELS],
        inputs: Rows<'a, ROWS, BYTES>,
    ) -> (usize, [&'a [[i8; STEP]]; PANELS], Rows<'a, ROWS, BYTES>) {
        let count = panels[0].steps.len();
        (count, panels.map(|panel| &panel.steps[..count]), inputs.map(|row| &row[..count]))
    }

    /// Sixteen weights in 16 bits.
    #[target_feature(enable = "avx2")]
    fn widened(weights: &[i8; 16]) -> __m256i {
        // SAFETY: 16 bytes are read, as many as the array has; any bits are a vector, aligned or not.
        _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(weights.as_ptr().cast()) })
    }

    /// A step's weights, for the first eight outputs and the last eight.
    #[target_feature(enable = "avx2")]
    fn halves(weights: &[i8; STEP]) -> [__m256i; 2] {
        let (halves, _) = weights.as_chunks::<{ STEP / 2 }>();
        // SAFETY (both): 32 bytes are read, as many as each array has; any bits are a vector, aligned or not.
        unsafe { [_mm256_loadu_si256(halves[0].as_ptr().cast()), _mm256_loadu_si256(halves[1].as_ptr().cast())] }
    }

    #[target_feature(enable = "avx2")]
    fn load(numbers: &[i32; 8]) -> __m256i {
        // SAFETY: 32 bytes are read, as many as the array has; any bits are a vector, aligned or not.
        unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn store(numbers: __m256i, to: &mut [i32; 8]) {
        // SAFETY: 32 bytes are written, as many as the array has.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), numbers) }
    }

    fn eights(numbers: &[i32; LANES]) -> [&[i32; 8]; 2] {
        let (halves, _) = numbers.as_chunks();
        [&halves[0], &halves[1]]
    }

    #[target_feature(enable = "avx2")]
    fn joined(halves: [__m256i; 2]) -> [i32; LANES] {
        let mut numbers = [0; LANES];
        for (half, to) in halves.into_iter().zip(numbers.as_chunks_mut().0) {
            store(half, to);
        }
        numbers
    }

    const _: () = assert!(STEP == 64 && LANES == 16 && DEPTH == 4, "the registers are cut to these");
}

#[cfg(target_arch = "aarch64")]
mod arm {
    #[allow(clippy::wildcard_imports, reason = "each kernel uses its own dozen of intrinsics")]
    use std::arch::aarch64::*;

    use super::super::panels::{Panel, STEP};
    use super::{DEPTH, LANES, Panels, Rows};

    #[target_feature(enable = "neon")]
    pub(super) fn neon(panels: &Panels, inputs: &[u8], sums: &mut [i32]) {
        tiled!(tile::<4>(panels, inputs, sums), panels: [1], rows: [2, 1]);
    }

    /// Sums of two products each, two for an output, are added pairwise at the end.
    #[target_feature(enable = "neon")]
    fn tile<const ROWS: usize>([panel]: [Panel<'_>; 1], inputs: Rows<'_, ROWS, 4>) -> [[[i32; LANES]; 1]; ROWS] {
        let inputs = inputs.map(|row| &row[..panel.steps.len()]);
        let mut sums = [[vdupq_n_s32(0); 8]; ROWS];
        for (step, weights) in panel.steps.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(inputs) {
                let numbers = vreinterpret_s8_s32(vdup_n_s32(i32::from_ne_bytes(row[step])));
                for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<8>().0) {
                    // SAFETY: 8 bytes are read, as many as the array has; any bits are a vector.
                    let weights = unsafe { vld1_s8(weights.as_ptr()) };
                    *sum = vpadalq_s16(*sum, vmull_s8(weights, numbers));
                }
            }
        }
        sums.map(|sums| {
            let mut numbers = [0; LANES];
            for (numbers, sums) in numbers.as_chunks_mut::<4>().0.iter_mut().zip(sums.as_chunks::<2>().0) {
                // SAFETY: 16 bytes are written, as many as the array has.
                unsafe { vst1q_s32(numbers.as_mut_ptr(), vpaddq_s32(sums[0], sums[1])) };
            }
            [numbers]
        })
    }

    const _: () = assert!(STEP == 64 && LANES == 16 && DEPTH == 4, "the registers are cut to these");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn every_kernel_has_the_sums_of_the_portable_one(
            rows in 0_usize..20,
            outputs in 1_usize..70,
            features in 1_usize..140,
            extreme in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let numbers = |count: usize, seed: u64| -> Vec<i8> {
                let mut state = seed | 1;
                (0..count)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let byte = (state >> 56) as u8;
                        if extreme { if byte < 128 { -127 } else { 127 } } else { (byte.cast_signed()).max(-127) }
                    })
                    .collect()
            };
            let weights = numbers(outputs * features, seed);
            let panels = Panels::pack(&weights, outputs, features);
            let inputs = numbers(rows * features, !seed);
            let plain: Vec<i32> = (0..rows * outputs)
                .map(|at| {
                    let (row, output) = (&inputs[at / outputs * features..], &weights[at % outputs * features..]);
                    row.iter().zip(output).take(features).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
                })
                .collect();
            for kernel in Kernel::all() {
                let mut padded = vec![0; rows * panels.width()];
                for (padded, row) in padded.chunks_exact_mut(panels.width()).zip(inputs.chunks_exact(features)) {
                    padded[..features].copy_from_slice(row);
                }
                let mut sums = vec![i32::MIN; rows * panels.height()];
                kernel.multiply(&panels, &padded, &mut Vec::new(), &mut sums);
                let found: Vec<i32> =
                    sums.chunks_exact(panels.height()).flat_map(|row| &row[..outputs]).copied().collect();
                prop_assert_eq!(&found, &plain, "{:?}", kernel);
            }
        }

        #[test]
        fn every_kernel_computes_the_same_numbers(numbers in prop::collection::vec(-1e3_f32..1e3, 0..100)) {
            struct Square<'a>(&'a [f32]);
            impl Work for Square<'_> {
                type Output = Vec<f32>;
                #[inline(always)]
                fn run(self) -> Vec<f32> {
                    self.0.iter().map(|x| x * x + 1.0).collect()
                }
            }
            let expected = Square(&numbers).run();
            for kernel in Kernel::all() {
                prop_assert_eq!(&kernel.run(Square(&numbers)), &expected, "{:?}", kernel);
            }
        }
    }
}
