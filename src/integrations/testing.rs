//! What the tests of this room share.

use std::sync::LazyLock;

use crate::catalogue::{Catalogue, DataFolders};
use crate::domain::{Command, parse_typed};

/// Everything that ships.
pub(super) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0);

/// A command from its typed form.
pub(super) fn command(line: &str) -> Command {
    parse_typed(line, &CATALOGUE.intents).unwrap()
}
