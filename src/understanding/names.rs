//! Finding the organisation's names in a text: exact, by alias, or mended when only one name is near.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::words::{Word, cover};
use crate::domain::{Entities, EntityType};

/// The longest alias that is looked for, in words.
const WINDOW: usize = 5;

/// How a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The canonical name, letter by letter (but for case and separators).
    Name,
    /// One of its aliases.
    Alias,
    /// Some edits away from exactly one name.
    Mended(usize),
}

/// What a stretch of text names, for one entity type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameMatch {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// As which kind of thing.
    pub entity: EntityType,
    /// The canonical names it may stand for: one, or several that are equally near.
    pub canonical: Vec<String>,
    /// How it was found.
    pub likeness: Likeness,
    /// Whether the stretch is also an ordinary word, so that only its place can tell.
    pub ordinary: bool,
}

/// All names of an organisation, ready for search.
#[derive(Debug, Default)]
pub struct Names {
    exact: HashMap<String, Vec<(EntityType, String, bool)>>,
    /// Keys with their names, for mending.
    keys: Vec<(String, EntityType, String)>,
}

/// Case, separators and a leading article or `@` make no difference: `Search API`, `search-api`, `the search api`.
fn key(text: &str) -> String {
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("the ").unwrap_or(&lower);
    bare.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ' | '@' | '\'')).collect()
}

impl Names {
    /// Prepares the names.
    pub fn new(entities: &Entities) -> Self {
        let mut names = Self::default();
        for entity in EntityType::ALL {
            for (canonical, name) in entities.names(entity) {
                let key = key(name);
                if key.is_empty() {
                    continue;
                }
                let entries = names.exact.entry(key.clone()).or_default();
                if !entries.iter().any(|(other, known, _)| *other == entity && known == canonical) {
                    entries.push((entity, canonical.to_owned(), name == canonical));
                    names.keys.push((key, entity, canonical.to_owned()));
                }
            }
        }
        names
    }

    /// Every name in the text, the longest at each place; a stretch may name things of several kinds. `ordinary` holds
    /// the words that commands use for other things, `lexicon` all words: none of either is mended into a name.
    pub fn find(&self, words: &[Word], ordinary: &HashSet<String>, lexicon: &HashMap<String, u32>) -> Vec<NameMatch> {
        let mut matches: Vec<NameMatch> = Vec::new();
        let mut taken = vec![false; words.len()];
        for length in (1..=WINDOW.min(words.len())).rev() {
            for start in 0..=words.len() - length {
                let window = &words[start..start + length];
                if taken[start..start + length].contains(&true) || window[..length - 1].iter().any(|word| word.breaks) {
                    continue;
                }
                let joined = join(window);
                let Some(entries) = self.exact.get(&key(&joined)).or_else(|| self.exact.get(&key(possessor(&joined)?)))
                else {
                    continue;
                };
                taken[start..start + length].fill(true);
                for entity in EntityType::ALL {
                    let of_type: Vec<_> = entries.iter().filter(|(other, ..)| *other == entity).collect();
                    if of_type.is_empty() {
                        continue;
                    }
                    let named: Vec<_> = of_type.iter().filter(|(.., is_name)| *is_name).collect();
                    let canonical = match named.first() {
                        Some((_, canonical, _)) => vec![canonical.clone()],
                        None => of_type.iter().map(|(_, canonical, _)| canonical.clone()).collect(),
                    };
                    matches.push(NameMatch {
                        span: cover(window),
                        entity,
                        canonical,
                        likeness: if named.is_empty() { Likeness::Alias } else { Likeness::Name },
                        ordinary: length == 1 && ordinary.contains(&window[0].lower),
                    });
                }
            }
        }
        for length in [2, 1] {
            for start in 0..(words.len() + 1).saturating_sub(length) {
                let window = &words[start..start + length];
                if taken[start..start + length].contains(&true) || window[..length - 1].iter().any(|word| word.breaks) {
                    continue;
                }
                let mended = self.mend(window, ordinary, lexicon);
                if !mended.is_empty() {
                    taken[start..start + length].fill(true);
                    matches.extend(mended);
                }
            }
        }
        matches.sort_by_key(|found| found.span.start);
        matches
    }

    /// The names that are nearest to a stretch, if they are near enough to be slips of the finger.
    fn mend(&self, window: &[Word], ordinary: &HashSet<String>, lexicon: &HashMap<String, u32>) -> Vec<NameMatch> {
        let joined = join(window);
        let written = key(possessor(&joined).unwrap_or(&joined));
        let length = written.chars().count();
        let limit = match length {
            0..=3 => return Vec::new(),
            4..=7 => 1,
            _ => 2,
        };
        let said = |word: &Word| ordinary.contains(&word.lower) || lexicon.contains_key(&word.lower);
        if window.iter().any(|word| said(word) || word.lower.len() < 2) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for entity in EntityType::ALL {
            let mut best = limit + 1;
            let mut near: Vec<String> = Vec::new();
            for (key, of, canonical) in &self.keys {
                if *of != entity || key.chars().count().abs_diff(length) > limit || key.chars().count() < 4 {
                    continue;
                }
                let distance = strsim::damerau_levenshtein(&written, key);
                if distance < best {
                    best = distance;
                    near.clear();
                }
                if distance == best && best <= limit && !near.contains(canonical) {
                    near.push(canonical.clone());
                }
            }
            if !near.is_empty() {
                found.push(NameMatch {
                    span: cover(window),
                    entity,
                    canonical: near,
                    likeness: Likeness::Mended(best),
                    ordinary: false,
                });
            }
        }
        let nearest = found.iter().filter_map(|found| match found.likeness {
            Likeness::Mended(distance) => Some(distance),
            _ => None,
        });
        let nearest = nearest.min();
        found.retain(|found| Some(found.likeness) == nearest.map(Likeness::Mended));
        found
    }
}

fn join(window: &[Word]) -> String {
    window.iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" ")
}

/// `mira` of `mira's`.
fn possessor(text: &str) -> Option<&str> {
    text.strip_suffix("'s").or_else(|| text.strip_suffix('\''))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understanding::words::words;

    fn organisation() -> Names {
        let mut entities = Entities::default();
        entities.add(EntityType::Service, "search-api", &["search", "the search backend"]);
        entities.add(EntityType::Service, "ledgerd", &["the ledger"]);
        entities.add(EntityType::Repository, "ledgerd", &[]);
        entities.add(EntityType::Host, "k8w-21", &[]);
        entities.add(EntityType::Host, "k8w-22", &[]);
        Names::new(&entities)
    }

    #[test]
    fn names_aliases_and_slips() {
        let ordinary = HashSet::from(["search".to_owned(), "ledge".to_owned()]);
        let of = |text: &str| -> Vec<(EntityType, String, Likeness)> {
            let found = organisation().find(&words(text), &ordinary, &HashMap::new()).into_iter();
            found.map(|found| (found.entity, found.canonical.join("|"), found.likeness)).collect()
        };
        use EntityType::{Host, Repository, Service};
        assert_eq!(of("bounce the ledger"), [(Service, "ledgerd".into(), Likeness::Alias)]);
        assert_eq!(
            of("restart Ledgerd's db"),
            [(Service, "ledgerd".into(), Likeness::Name), (Repository, "ledgerd".into(), Likeness::Name)]
        );
        assert_eq!(of("the search backend is slow"), [(Service, "search-api".into(), Likeness::Alias)]);
        assert_eq!(of("restart serach-api"), [(Service, "search-api".into(), Likeness::Mended(1))]);
        assert_eq!(of("reboot k8w-2"), [(Host, "k8w-21|k8w-22".into(), Likeness::Mended(1))]);
        assert_eq!(of("on the ledge"), []);
        assert!(organisation().find(&words("search the logs"), &ordinary, &HashMap::new())[0].ordinary);
    }
}
