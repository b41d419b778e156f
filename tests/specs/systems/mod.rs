//! The systems, each with what it is proved against.

mod deploying;
mod monitoring;
mod operating;
mod people;
mod searching;
