//! How much of a message's wording a text has: what meaning alone misses, the names of alerts and codes of errors.

use std::collections::HashMap;

/// How soon a repeated word stops counting, and how much a long text is held against it: the usual values of BM25
/// (Robertson and Zaragoza 2009, *The Probabilistic Relevance Framework*, section 3.5).
const SATURATION: f32 = 1.2;
const LENGTH: f32 = 0.75;

/// The words of numbered texts, weighed by BM25.
pub(super) struct Lexicon {
    words: HashMap<String, Word>,
    /// How many texts there are.
    texts: usize,
}

struct Word {
    /// How much it says: rare words say more.
    weight: f32,
    /// Texts that have it, in order, with its share of their score: 0 to 1.
    texts: Vec<(usize, f32)>,
}

impl Lexicon {
    /// Of texts, numbered in their order.
    pub(super) fn build<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut counts: HashMap<String, Vec<(usize, f32)>> = HashMap::new();
        let mut lengths: Vec<f32> = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let words = words(text);
            lengths.push(words.len() as f32);
            for word in words {
                let texts = counts.entry(word).or_default();
                match texts.last_mut() {
                    Some((last, count)) if *last == index => *count += 1.0,
                    _ => texts.push((index, 1.0)),
                }
            }
        }
        let mean = lengths.iter().sum::<f32>() / lengths.len().max(1) as f32;
        let weigh = |(word, mut texts): (String, Vec<(usize, f32)>)| {
            for (index, count) in &mut texts {
                let norm = SATURATION * (1.0 - LENGTH + LENGTH * lengths[*index] / mean);
                *count /= *count + norm;
            }
            (word, Word { weight: weight(lengths.len(), texts.len()), texts })
        };
        Self { words: counts.into_iter().map(weigh).collect(), texts: lengths.len() }
    }

    /// Each text that has a word of the message, with the share of what the message's words say that it has: 0 to 1. In
    /// the order of the texts.
    pub(super) fn search(&self, message: &str) -> Vec<(usize, f32)> {
        let mut asked = words(message);
        asked.sort_unstable();
        asked.dedup();
        let known: Vec<&Word> = asked.iter().filter_map(|word| self.words.get(word)).collect();
        let unknown = (asked.len() - known.len()) as f32 * weight(self.texts, 0);
        let all = known.iter().map(|word| word.weight).sum::<f32>() + unknown;
        let mut shares: Vec<(usize, f32)> = known
            .iter()
            .flat_map(|word| word.texts.iter().map(|(text, share)| (*text, share * word.weight / all)))
            .collect();
        shares.sort_by_key(|(text, _)| *text);
        shares
            .chunk_by(|one, next| one.0 == next.0)
            .map(|text| (text[0].0, text.iter().map(|(_, s)| s).sum()))
            .collect()
    }
}

/// How much a word says that so many of the texts have.
fn weight(texts: usize, having: usize) -> f32 {
    let (texts, having) = (texts as f32, having as f32);
    (1.0 + (texts - having + 0.5) / (having + 0.5)).ln()
}

/// Words in lower case. A name that is made of words counts as a whole and as its words: `HighErrorRate`,
/// `node_load1`, `OOMKilled`, `E-1234`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let joined = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    for name in text.split(|c| !joined(c)).map(|name| name.trim_matches(|c: char| !c.is_alphanumeric())) {
        let parts = parts(name);
        if parts.len() > 1 {
            words.push(name.to_lowercase());
        }
        words.extend(parts.into_iter().map(str::to_lowercase));
    }
    words
}

/// The words in a name: between signs, and where small letters end (`High|Error`) or capitals do (`OOM|Killed`).
fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in name.split(|c: char| !c.is_alphanumeric()) {
        let mut start = 0;
        let letters: Vec<(usize, char)> = part.char_indices().collect();
        for (before, &(border, letter)) in letters.iter().map(|(_, letter)| *letter).zip(letters.iter().skip(1)) {
            let next_is_small = part[border..].chars().nth(1).is_some_and(char::is_lowercase);
            if letter.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_small)) {
                parts.push(&part[start..border]);
                start = border;
            }
        }
        parts.push(&part[start..]);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_whole_and_in_parts() {
        let cases: [(&str, &[&str]); 6] = [
            ("HighErrorRate fires!", &["higherrorrate", "high", "error", "rate", "fires"]),
            ("node_load1 > 5.0", &["node_load1", "node", "load1", "5.0", "5", "0"]),
            ("an OOMKilled pod", &["an", "oomkilled", "oom", "killed", "pod"]),
            ("ECONNREFUSED.", &["econnrefused"]),
            ("Größe der Straße", &["größe", "der", "straße"]),
            ("-- ... ''", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn rare_words_count_and_the_share_is_at_most_one() {
        let lexicon = Lexicon::build(["the disk is full", "the disk is slow", "the PodCrashLooping alert", ""]);
        let shares = lexicon.search("why does PodCrashLooping fire on the disk?");
        assert_eq!(shares.iter().map(|(text, _)| *text).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(shares[2].1 > 2.0 * shares[0].1, "{shares:?}");
        assert!(shares.iter().all(|(_, share)| (0.0..=1.0).contains(share)), "{shares:?}");
        assert_eq!(lexicon.search("nothing known"), []);
        assert_eq!(Lexicon::build([]).search("disk"), []);
    }
}
