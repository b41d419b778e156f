//! The figures of a set: accuracy, how well what is out of scope stands apart, what the product would do, slots.

use std::fmt;

use super::dataset::Row;
use super::learned::{Choice, Reading};
use super::reliability::Reliability;

/// How much of what is in scope may be turned away when the recall of what is out of scope is measured.
const TURNED_AWAY: f64 = 0.05;

/// The figures over the rows that were measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Rows in scope, and those whose likeliest intent is theirs, whatever "no command" says.
    pub accuracy: (usize, usize),
    /// What the product would do with rows in scope.
    pub in_scope: Choices,
    /// What stands apart, where rows out of scope were learned and measured.
    pub out_of_scope: Option<OutOfScope>,
    /// Slots expected, found, and found exactly, where the set has any.
    pub slots: Option<(usize, usize, usize)>,
    /// The probability of the likeliest intent, over rows in scope.
    pub reliability: Reliability,
}

/// Rows by what the product would do with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    /// Taken for their intent.
    pub right: usize,
    /// Taken for another.
    pub wrong: usize,
    /// Asked about.
    pub asked: usize,
    /// Left alone.
    pub left: usize,
}

/// How well what is out of scope stands apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutOfScope {
    /// What the product would do with these rows.
    pub choices: Choices,
    /// The area under the receiver operating characteristic: how often a row out of scope looks less like a command than
    /// one in scope does.
    pub auroc: f64,
    /// The share of these rows that are turned away where a twentieth of the rows in scope is.
    pub recall: f64,
}

impl Choices {
    fn add(&mut self, choice: Choice, right: bool) {
        match choice {
            Choice::Intent if right => self.right += 1,
            Choice::Intent => self.wrong += 1,
            Choice::Ambiguous => self.asked += 1,
            Choice::None => self.left += 1,
        }
    }
}

/// How little a reading looks like a command: the probability of "no command". On CLINC150's validation rows it tells more
/// than the doubt in the likeliest intent, and than the distance between the two.
fn strangeness(reading: &Reading) -> f32 {
    reading.probabilities.last().copied().unwrap_or_default()
}

impl Scores {
    /// Of rows with what was read in each.
    pub fn new(rows: &[&Row], readings: &[Reading], knows_out_of_scope: bool) -> Self {
        let mut accuracy = (0, 0);
        let (mut inside, mut outside) = (Choices::default(), Choices::default());
        let (mut familiar, mut strange) = (Vec::new(), Vec::new());
        let mut slots = (0, 0, 0);
        let mut reliability = Reliability::default();
        for (row, reading) in rows.iter().zip(readings) {
            if row.is_out_of_scope() {
                outside.add(reading.choice, false);
                strange.push(strangeness(reading));
                continue;
            }
            let right = reading.intent == row.intent;
            accuracy.0 += 1;
            accuracy.1 += usize::from(right);
            inside.add(reading.choice, right);
            familiar.push(strangeness(reading));
            slots.0 += row.slots.len();
            slots.1 += reading.slots.len();
            slots.2 += row.slots.iter().filter(|slot| reading.slots.contains(slot)).count();
            reliability.add(f64::from(reading.confidence()), right);
        }
        let apart = knows_out_of_scope && !strange.is_empty() && !familiar.is_empty();
        let out_of_scope = apart.then(|| OutOfScope {
            choices: outside,
            auroc: auroc(&familiar, &strange),
            recall: recall(&familiar, &strange),
        });
        Self { accuracy, in_scope: inside, out_of_scope, slots: (slots.0 > 0).then_some(slots), reliability }
    }
}

/// How often a strange number is the larger of a pair; equal ones count half.
fn auroc(familiar: &[f32], strange: &[f32]) -> f64 {
    let mut familiar = familiar.to_vec();
    familiar.sort_by(f32::total_cmp);
    let wins = strange.iter().map(|score| {
        let below = familiar.partition_point(|other| other < score);
        let equal = familiar.partition_point(|other| other <= score) - below;
        below as f64 + equal as f64 / 2.0
    });
    wins.sum::<f64>() / (familiar.len() * strange.len()) as f64
}

/// The share of strange numbers above the one that at most a twentieth of the familiar ones exceeds.
fn recall(familiar: &[f32], strange: &[f32]) -> f64 {
    let mut familiar = familiar.to_vec();
    familiar.sort_by(|a, b| b.total_cmp(a));
    let spent = (familiar.len() as f64 * TURNED_AWAY) as usize;
    let border = familiar.get(spent).copied().unwrap_or(f32::MIN);
    strange.iter().filter(|score| **score > border).count() as f64 / strange.len() as f64
}

fn percent(count: usize, of: usize) -> f64 {
    100.0 * count as f64 / of.max(1) as f64
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.right + self.wrong + self.asked + self.left;
        let share = |count| percent(count, all);
        if self.right > 0 {
            write!(f, "taken rightly {:.1} %, wrongly {:.1} %", share(self.right), share(self.wrong))?;
        } else {
            write!(f, "taken for an intent {:.1} %", share(self.wrong))?;
        }
        write!(f, ", asked about {:.1} %, left alone {:.1} %", share(self.asked), share(self.left))
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, right) = self.accuracy;
        writeln!(f, "accuracy             {:6.2} % ({right}/{rows} rows in scope)", percent(right, rows))?;
        match &self.out_of_scope {
            None => writeln!(f, "out of scope              – (no rows to learn it from, or none to measure)")?,
            Some(apart) => {
                writeln!(f, "out-of-scope AUROC   {:8.4}", apart.auroc)?;
                writeln!(
                    f,
                    "out-of-scope recall  {:6.2} % (5 % of what is in scope turned away)",
                    100.0 * apart.recall
                )?;
            }
        }
        if let Some((expected, found, exact)) = self.slots {
            let f1 = 100.0 * 2.0 * exact as f64 / (expected + found).max(1) as f64;
            writeln!(f, "slot F1              {f1:6.2} % (by the tagger: {exact} exact of {expected}, {found} found)")?;
        }
        writeln!(f, "calibration error    {:7.3}", self.reliability.error())?;
        write!(f, "decided, in scope    {}", self.in_scope)?;
        if let Some(apart) = &self.out_of_scope {
            write!(f, "\ndecided, out of it   {}", apart.choices)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_compared() {
        assert_eq!(auroc(&[0.1, 0.2], &[0.3, 0.4]), 1.0);
        assert_eq!(auroc(&[0.1, 0.3], &[0.2, 0.3]), 0.625);
        let familiar: Vec<f32> = (0..100).map(|number| number as f32).collect();
        // Five of a hundred may be above the border: 95 to 99.
        assert_eq!(recall(&familiar, &[94.0, 94.5, 99.0, 200.0]), 0.75);
        assert_eq!(recall(&[1.0], &[1.0, 2.0]), 0.5);
    }

    #[test]
    fn what_was_not_learned_is_not_measured() {
        let row = |intent: &str, slots: &[(Range, &str)]| Row {
            split: "test".to_owned(),
            intent: intent.to_owned(),
            text: "some text".to_owned(),
            slots: slots.iter().map(|(span, slot)| (span.clone(), (*slot).to_owned())).collect(),
        };
        type Range = std::ops::Range<usize>;
        let reading = |probabilities: &[f32], choice| Reading {
            intent: "a".to_owned(),
            probabilities: probabilities.to_vec(),
            choice,
            slots: vec![(0..4, "s".to_owned()), (5..9, "t".to_owned())],
        };
        let rows = [row("a", &[(0..4, "s")]), row("b", &[(0..4, "t")]), row("oos", &[])];
        let rows: Vec<&Row> = rows.iter().collect();
        let readings = [
            reading(&[0.8, 0.1, 0.1], Choice::Intent),
            reading(&[0.5, 0.4, 0.1], Choice::Ambiguous),
            reading(&[0.2, 0.1, 0.7], Choice::None),
        ];
        assert_eq!(
            Scores::new(&rows, &readings, true).to_string(),
            "accuracy              50.00 % (1/2 rows in scope)\n\
             out-of-scope AUROC     1.0000\n\
             out-of-scope recall  100.00 % (5 % of what is in scope turned away)\n\
             slot F1               33.33 % (by the tagger: 1 exact of 2, 4 found)\n\
             calibration error      0.350\n\
             decided, in scope    taken rightly 50.0 %, wrongly 0.0 %, asked about 50.0 %, left alone 0.0 %\n\
             decided, out of it   taken for an intent 0.0 %, asked about 0.0 %, left alone 100.0 %"
        );
        let scores = Scores::new(&rows, &readings, false);
        assert_eq!(scores.out_of_scope, None);
        assert!(scores.to_string().contains("– (no rows to learn it from, or none to measure)"));
    }
}
