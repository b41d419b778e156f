//! The command line: assembles the rooms and runs them.
