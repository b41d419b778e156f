//! Identifiers: each a type of its own, so that none can stand where another is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A name that is not well formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `noun.verb`.
    #[error("invalid intent name `{0}`, expected `noun.verb` in lower-case letters, digits and `_`")]
    Intent(String),
    /// Not a lower-case word.
    #[error("invalid parameter name `{0}`, expected lower-case letters, digits and `_`")]
    Parameter(String),
    /// Not the text form of an id.
    #[error("invalid id `{0}`")]
    Id(String),
    /// Not a place on a platform.
    #[error("invalid conversation `{0}`, expected `platform:channel`")]
    Conversation(String),
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $error:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                if $valid(text) { Ok(Self(text.to_owned())) } else { Err(NameError::$error(text.to_owned())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// An intent's name, `noun.verb`: `service.restart`.
    IntentName,
    Intent,
    |text: &str| text.split_once('.').is_some_and(|(noun, verb)| is_word(noun) && is_word(verb))
);
name!(
    /// A parameter's name: `service`.
    ParameterName,
    Parameter,
    is_word
);

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id from the operating system's random source.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Uuid::parse_str(text).map(Self).map_err(|_| NameError::Id(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

random_id!(
    /// A proposal's id: random, so that knowing one says nothing about another.
    ProposalId
);
random_id!(
    /// An execution's id.
    ExecutionId
);

impl ProposalId {
    /// The short code people type, derived from the id: four letters and digits that are hard to misread.
    pub fn code(&self) -> ProposalCode {
        const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz7";
        // Without a digit it could be a word, and "cancel that" would name a proposal.
        let letters = |at: usize| if at == ProposalCode::DIGIT { &ALPHABET[..8] } else { &ALPHABET[..] };
        let letter = |(at, byte): (usize, &u8)| char::from(letters(at)[usize::from(*byte) % letters(at).len()]);
        ProposalCode(self.0.as_bytes()[..4].iter().enumerate().map(letter).collect())
    }
}

/// The short form of a proposal's id, unique enough within one conversation: `k7qm`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalCode(String);

impl ProposalCode {
    /// Where a digit stands.
    const DIGIT: usize = 1;

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what a person typed; case does not matter.
    pub fn from_typed(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('#').to_ascii_lowercase();
        let fits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        (fits && text.as_bytes()[Self::DIGIT].is_ascii_digit()).then_some(Self(text))
    }
}

impl fmt::Display for ProposalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a conversation takes place: platform and channel (or thread), `console:main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationId {
    /// The chat platform, `console`.
    pub platform: String,
    /// The platform's own id of the channel or thread.
    pub channel: String,
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.channel)
    }
}

impl FromStr for ConversationId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_control() || c.is_whitespace());
        match text.split_once(':') {
            Some((platform, channel)) if fits(platform) && fits(channel) => {
                Ok(Self { platform: platform.to_owned(), channel: channel.to_owned() })
            }
            _ => Err(NameError::Conversation(text.to_owned())),
        }
    }
}

/// One message of one conversation: the key by which a message is handled once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The conversation it was said in.
    pub conversation: ConversationId,
    /// The platform's own id of the message.
    pub message: String,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.conversation, self.message)
    }
}

/// A SHA-256 digest, shown as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of the parts; each part is length-prefixed, so that no two lists of parts have the same digest.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The plain SHA-256 of a file's content, as `sha256sum` prints it.
    pub fn of_file(content: &[u8]) -> Self {
        Self::of_pieces([content])
    }

    /// The same of a content that lies in pieces.
    pub fn of_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        pieces.into_iter().for_each(|piece| hasher.update(piece));
        Self(hasher.finalize().into())
    }

    /// The first twelve hexadecimal digits: enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NameError::Id(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_read_as_it_is_written() {
        for text in ["console:main", "matrix:!room:example.org"] {
            assert_eq!(text.parse::<ConversationId>().unwrap().to_string(), text);
        }
        for text in ["", "console", "console:", ":main", "console:the room"] {
            let error = text.parse::<ConversationId>().unwrap_err().to_string();
            assert_eq!(error, format!("invalid conversation `{text}`, expected `platform:channel`"));
        }
    }

    #[test]
    fn a_code_is_read_as_it_is_written_and_is_no_word() {
        for _ in 0..1_000 {
            let code = ProposalId::random().code();
            assert_eq!(ProposalCode::from_typed(&format!(" #{} ", code.as_str().to_uppercase())), Some(code));
        }
        for word in ["that", "this", "k7q", "k7qmm", "k7 m", "ké7"] {
            assert_eq!(ProposalCode::from_typed(word), None, "{word}");
        }
    }
}
