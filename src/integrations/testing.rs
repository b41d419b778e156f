//! What the tests of this room share.

use std::sync::LazyLock;

use crate::catalogue::{Catalogue, DataFolders};
use crate::domain::{Command, Intents, parse_typed};

/// Everything that can be asked for.
static INTENTS: LazyLock<Intents> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0.intents);

/// A command from its typed form.
pub(super) fn command(line: &str) -> Command {
    parse_typed(line, &INTENTS).unwrap()
}
