//! Finding the organisation's names in a text: exact, by alias, or mended when only one name is near.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::verbs::is_function_word;
use super::words::{Word, cover};
use crate::domain::{Entities, EntityType, name_key as key};

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
    exact: HashMap<String, Vec<Entry>>,
    /// Keys with their names, for mending.
    keys: Vec<(String, EntityType, String)>,
}

/// A thing that goes by a key.
#[derive(Debug)]
struct Entry {
    entity: EntityType,
    canonical: String,
    /// Whether the key is that of the name itself, and not of an alias.
    is_name: bool,
    /// Whether the configuration names it; otherwise a system lists it.
    configured: bool,
}

impl Names {
    /// Prepares the names.
    pub fn new(entities: &Entities) -> Self {
        let mut names = Self::default();
        for entity in EntityType::ALL {
            let configured = entities.configured(entity).map(|(canonical, name)| (canonical, name, true));
            let listed = entities.listed(entity).map(|(canonical, name)| (canonical, name, false));
            for (canonical, name, configured) in configured.chain(listed) {
                let key = key(name);
                if key.is_empty() {
                    continue;
                }
                let entries = names.exact.entry(key.clone()).or_default();
                if !entries.iter().any(|known| known.entity == entity && known.canonical == canonical) {
                    let (canonical, is_name) = (canonical.to_owned(), name == canonical);
                    names.keys.push((key, entity, canonical.clone()));
                    entries.push(Entry { entity, canonical, is_name, configured });
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
        // Whatever a system lists, the words of the configuration's names stay theirs.
        for configured in [true, false] {
            for length in (1..=WINDOW.min(words.len())).rev() {
                for start in 0..=words.len() - length {
                    let window = &words[start..start + length];
                    if taken[start..start + length].contains(&true)
                        || window[..length - 1].iter().any(|word| word.breaks)
                    {
                        continue;
                    }
                    let Some(entries) = self.called(window) else { continue };
                    if entries.iter().any(|entry| entry.configured) != configured
                        || !configured && is_said_anyway(window, ordinary)
                    {
                        continue;
                    }
                    taken[start..start + length].fill(true);
                    let ordinary = length == 1 && ordinary.contains(&window[0].lower);
                    matches.extend(as_each_type(entries, &cover(window), ordinary));
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

    /// What goes by these words.
    fn called(&self, window: &[Word]) -> Option<&[Entry]> {
        let joined = join(window);
        let entries = self.exact.get(&key(&joined)).or_else(|| self.exact.get(&key(possessor(&joined)?)))?;
        Some(entries)
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

/// What a stretch names, as each type of thing that goes by it.
fn as_each_type(entries: &[Entry], span: &Range<usize>, ordinary: bool) -> impl Iterator<Item = NameMatch> {
    EntityType::ALL.into_iter().filter_map(move |entity| {
        let of_type = || entries.iter().filter(move |entry| entry.entity == entity);
        of_type().next()?;
        let named = of_type().any(|entry| entry.is_name);
        let meant = of_type().filter(|entry| entry.is_name == named);
        Some(NameMatch {
            span: span.clone(),
            entity,
            canonical: meant.map(|entry| entry.canonical.clone()).collect(),
            likeness: if named { Likeness::Name } else { Likeness::Alias },
            ordinary,
        })
    })
}

/// Whether words are part of what people say here, whatever a system calls its things: one that only holds sentences
/// together, or several of which one is ordinary.
fn is_said_anyway(window: &[Word], ordinary: &HashSet<String>) -> bool {
    let several = window.len() > 1;
    window.iter().any(|word| is_function_word(&word.lower) || several && ordinary.contains(&word.lower))
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
    use crate::domain::Listed;
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

    #[test]
    fn what_a_system_lists_takes_no_words_of_the_configuration() {
        use EntityType::{Environment, Host, Service};
        let mut entities = Entities::default();
        entities.add(Service, "checkout", &[]);
        entities.add(Environment, "production", &["prod"]);
        let mut listed = Listed::default();
        for name in [
            "checkout-in-production",
            "in production",
            "checkout staging",
            "restart",
            "it",
            "restart the",
            "billing-api",
        ] {
            listed.add(Service, name, &["the"]).unwrap();
        }
        listed.add(Host, "checkout", &[]).unwrap();
        let names = Names::new(&entities.with_listed(&listed));
        let ordinary = HashSet::from(["restart".to_owned()]);
        let of = |text: &str| -> Vec<(EntityType, String, bool)> {
            let found = names.find(&words(text), &ordinary, &HashMap::new()).into_iter();
            found.map(|found| (found.entity, found.canonical.join("|"), found.ordinary)).collect()
        };
        let checkout = || [(Service, "checkout".to_owned(), false), (Host, "checkout".to_owned(), false)];
        let production = || (Environment, "production".to_owned(), false);
        assert_eq!(of("put checkout in production on 3"), [&checkout()[..], &[production()]].concat());
        assert_eq!(of("is checkout staging up"), checkout());
        assert_eq!(of("checkout-in-production"), [(Service, "checkout-in-production".into(), false)]);
        assert_eq!(of("restart it"), [(Service, "restart".into(), true)]);
        assert_eq!(
            of("restart the Billing API"),
            [(Service, "restart".into(), true), (Service, "billing-api".into(), false)]
        );
    }
}
