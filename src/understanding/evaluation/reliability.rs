//! How far a stated confidence is from how often it is right, in ten bins; and as a small chart.

use std::fmt;

/// How many cells of a terminal a full bar has.
const BAR: usize = 30;

/// What was stated with a confidence between two tenths.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Bin {
    /// How many.
    pub count: usize,
    /// The mean of what was stated, 0 to 1.
    pub stated: f64,
    /// The share that was right, 0 to 1.
    pub right: f64,
}

/// Stated confidences with what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reliability {
    /// By tenths: how many, the sum of what was stated, how many were right.
    tenths: [(usize, f64, usize); 10],
}

impl Reliability {
    /// Adds what was stated, 0 to 1, and whether it was right.
    pub fn add(&mut self, confidence: f64, right: bool) {
        let tenth = &mut self.tenths[((confidence * 10.0) as usize).min(9)];
        *tenth = (tenth.0 + 1, tenth.1 + confidence, tenth.2 + usize::from(right));
    }

    /// The ten bins, from the least confidence on.
    pub fn bins(&self) -> [Bin; 10] {
        self.tenths.map(|(count, stated, right)| {
            let of = count.max(1) as f64;
            Bin { count, stated: stated / of, right: right as f64 / of }
        })
    }

    /// The expected calibration error: the mean distance between the two, weighed by how many there are.
    pub fn error(&self) -> f64 {
        let all: usize = self.tenths.iter().map(|(count, ..)| count).sum();
        let distance = self.bins().map(|bin| (bin.stated - bin.right).abs() * bin.count as f64);
        distance.iter().sum::<f64>() / all.max(1) as f64
    }
}

/// A bar for how often it is right; `│` stands where the bar would end if what is stated were so.
impl fmt::Display for Reliability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calibration (█ right, │ stated)")?;
        for (tenth, bin) in self.bins().iter().enumerate().filter(|(_, bin)| bin.count > 0) {
            let cells = |share: f64| (share * BAR as f64).round() as usize;
            let bar: String = (0..=BAR)
                .map(|cell| match cell {
                    cell if cell == cells(bin.stated) => '│',
                    cell if cell < cells(bin.right) => '█',
                    _ => '·',
                })
                .collect();
            let (from, to) = (10 * tenth, 10 * (tenth + 1));
            write!(f, "\n{from:>4}–{to:<3} % {bar} {:5.1} % of {}", 100.0 * bin.right, bin.count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_weighed_and_drawn() {
        let mut reliability = Reliability::default();
        assert_eq!(reliability.error(), 0.0);
        for right in [true, false, false, false] {
            reliability.add(0.5, right);
        }
        reliability.add(1.0, true);
        assert!((reliability.error() - 0.2).abs() < 1e-9);
        assert_eq!(
            reliability.to_string(),
            "calibration (█ right, │ stated)\n\
             \u{20} 50–60  % ████████·······│···············  25.0 % of 4\n\
             \u{20} 90–100 % ██████████████████████████████│ 100.0 % of 1"
        );
    }
}
