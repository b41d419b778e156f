//! How often a text finds its page: by meaning alone, by wording alone, and by both as [`Passages::search`] weighs them.

use super::passages::Passages;

/// The ranks that are measured.
pub const RANKS: [usize; 3] = [1, 3, 5];

/// How many sections are looked at to find so many pages.
const SECTIONS: usize = 64;

/// How passages are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Their vectors alone.
    Meaning,
    /// Their words alone.
    Wording,
    /// Both, as it is done for people.
    Both,
}

impl By {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Meaning, Self::Wording, Self::Both];

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meaning => "meaning",
            Self::Wording => "wording",
            Self::Both => "both",
        }
    }
}

/// How many texts found their page among the first of [`RANKS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recall {
    /// All texts.
    pub texts: usize,
    /// Those that found it, for each rank.
    pub found: [usize; RANKS.len()],
}

impl Recall {
    /// Adds a text with the pages it found, the best first.
    pub fn add(&mut self, page: &str, found: &[String]) {
        self.texts += 1;
        for (count, rank) in self.found.iter_mut().zip(RANKS) {
            *count += usize::from(found.iter().take(rank).any(|name| *name == page));
        }
    }

    /// The share that found it, for each rank.
    pub fn shares(&self) -> [f64; RANKS.len()] {
        self.found.map(|found| found as f64 / self.texts.max(1) as f64)
    }
}

/// The runbooks that a text finds, the best first, as many as the last of [`RANKS`]. `vector` is the text's.
pub fn pages(passages: &Passages, by: By, vector: &[f32], text: &str) -> Vec<String> {
    let mut pages: Vec<String> = Vec::new();
    for page in passages.ranked(by, vector, text, SECTIONS) {
        if pages.len() < RANKS[RANKS.len() - 1] && !pages.contains(&page) {
            pages.push(page);
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_count_from_their_rank_on() {
        let mut recall = Recall::default();
        let found = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
        for page in ["a", "b", "e", "f"] {
            recall.add(page, &found);
        }
        assert_eq!((recall.found, recall.shares()), ([1, 2, 3], [0.25, 0.5, 0.75]));
        assert_eq!(Recall::default().shares(), [0.0; 3]);
    }
}
