//! What the tests of this room share.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::catalogue::{Catalogue, DataFolders};
use crate::domain::{Command, Intents, parse_typed};

/// Everything that can be asked for.
static INTENTS: LazyLock<Intents> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0.intents);

/// A command from its typed form.
pub(super) fn command(line: &str) -> Command {
    parse_typed(line, &INTENTS).unwrap()
}

/// Texts that have broken out of something before, and texts of any kind.
pub(super) fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "../../etc/passwd",
        "..",
        ".",
        "%2e%2e",
        "%2E.",
        "a/../b",
        "a?b=c#d",
        "//evil.com/",
        "@evil.com",
        "\\..\\",
        "https://evil.com",
        "--all",
        "-rf",
        "-",
        "$(id)",
        "`id`",
        "; rm -rf /",
        "' OR 1=1 --",
        "\",\"admin\":true,\"",
        "}}",
        "{{ v }}",
        "{% if %}",
        "a&b=c&q=d",
        "a\r\nX-Evil: 1",
        "\0",
        "\u{202e}",
        "é ñ 漢 🎉",
        "",
        " ",
        "a b",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        "(?s).{0,40}",
        "[-./%?#&=@:{}\"'\\\\ ]{0,12}"
    ]
}
