//! From an utterance to a typed command, a question, or nothing: seven stages that can each be shown.

mod linear;
mod recognise;
mod words;
