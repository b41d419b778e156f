//! Builds anew when a data file that is built into the binary comes or goes; the compiler itself only watches the files
//! that were there.

fn main() {
    for folder in ["intents", "runbooks", "integrations", "policies"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
