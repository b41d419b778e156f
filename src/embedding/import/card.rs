//! The model card: where the model comes from, how it was made, what it costs and what it is not good at, with figures
//! measured during the import.

use super::source::Original;
use super::{ImportError, Report, cosine};
use crate::embedding::Encoder;
use crate::embedding::manifest::{FileDigests, WeightType};

/// What the smaller weights are compared with the original ones on: messages as an ops channel sees them.
pub(super) const REFERENCE: [&str; 24] = [
    "restart checkout in staging",
    "can you bounce the search backend please?",
    "how full is the disk on db-3",
    "what's eating my memory",
    "pls kill 4242 its stuck",
    "is anything listening on 8080",
    "roll back payments-api to v1.14.2 in production",
    "scale the workers from 3 to 12",
    "silence HighErrorRate for 45 minutes",
    "checkout throws 500s since the release, what now?",
    "who is on call tonight?",
    "the deploy at 14:05 UTC took eleven minutes and I would like to know why",
    "rate(http_requests_total{job=\"api\",code=~\"5..\"}[5m])",
    "tail -f /var/log/nginx/error.log | grep upstream",
    "TLS certificate of shop.example.com expires in 3 days",
    "JIRA-1234 is blocked by OPS-77",
    "Ünïcode näme für Größe: Zürich, façade, naïve",
    "перезапусти сервис поиска",
    "🔥🔥 prod is down 😱",
    "ok",
    "?",
    "",
    "A replica that stops reading keeps its slot, and the primary keeps every segment of the write-ahead log for it \
     until the disk is full. Drop the slot of a replica that will not come back, or bring the replica back; then the \
     next checkpoint frees the space. Deleting segments by hand breaks recovery.",
    "Before you scale the deployment down, look at the queue: if messages are still waiting, consumers that stop now \
     hand them back, and the producers slow down. Wait until the lag is below a thousand, then go on in steps of two.",
];

/// Texts that mean different things and yet are near each other, or mean the same and are not, with what that shows.
const PAIRS: [(&str, &str, &str); 5] = [
    ("restart checkout", "don't restart checkout", "opposite, by a *not*"),
    ("scale the workers from 3 to 12", "scale the workers from 12 to 3", "opposite, by the order of numbers"),
    ("silence the alert for 5 minutes", "silence the alert for 5 days", "another duration"),
    ("restart payments in staging", "restart payments in production", "another environment"),
    ("restart the search service", "перезапусти сервис поиска", "the same, in another language"),
];

const TEMPLATE: &str = include_str!("card.md");

/// How 8-bit weights were made, in lines as the card has them.
const INT8: &str = "\
The matrices were rounded to whole numbers of 8 bits, each row with a scale of its own (its largest weight over 127); the
positions, and what is no matrix, kept 32 bits. The encoder rounds what goes into a product likewise, each word piece with a
scale of its own, and computes everything else in 32 bits.";

/// Fills the card.
pub(super) fn render(report: &Report, original: &Original, encoder: &dyn Encoder) -> Result<String, ImportError> {
    let manifest = &report.manifest;
    let FileDigests { config, weights, tokenizer } = &manifest.files;
    let (stored, bits, rounding) = match manifest.weights {
        WeightType::Int8 => ("int8", "8 bits", INT8),
        WeightType::F16 => {
            ("f16", "16 bits", "The weights were rounded from 32 to 16 bits; the encoder computes in 32.")
        }
        WeightType::F32 => ("f32", "32 bits", "The weights are as they were."),
    };
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let left_out: Vec<_> = report.left_out.iter().map(|name| format!("`{name}`")).collect();
    let fields = [
        ("name", manifest.name.clone()),
        ("source", manifest.source.clone()),
        ("version", manifest.version.clone()),
        ("licence", manifest.licence.clone()),
        ("dimension", manifest.dimension.to_string()),
        ("max_tokens", manifest.max_tokens.to_string()),
        ("weights_size", megabytes(report.weights_bytes)),
        ("original_size", megabytes(original.weights_bytes())),
        ("original_digest", original.digest().to_string()),
        ("weights_digest", weights.to_string()),
        ("tokenizer_digest", tokenizer.to_string()),
        ("config_digest", config.to_string()),
        ("left_out", if left_out.is_empty() { "nothing".to_owned() } else { left_out.join(", ") }),
        ("sentences", REFERENCE.len().to_string()),
        ("lowest_cosine", format!("{:.8}", report.lowest_cosine)),
        ("median_cosine", format!("{:.8}", report.median_cosine)),
        ("weights", stored.to_owned()),
        ("bits", bits.to_owned()),
        ("rounding", rounding.to_owned()),
        ("pairs", pairs(encoder)?),
    ];
    Ok(fields.iter().fold(TEMPLATE.to_owned(), |card, (field, value)| card.replace(&format!("{{{field}}}"), value)))
}

/// The rows of the table of pairs, each with its cosine.
fn pairs(encoder: &dyn Encoder) -> Result<String, ImportError> {
    let mut rows = Vec::new();
    for (one, other, why) in PAIRS {
        let vectors = encoder.encode(&[one, other]).map_err(ImportError::Encode)?;
        rows.push(format!("| {one} | {other} | {why} | {:.2} |", cosine(&vectors[0], &vectors[1])));
    }
    Ok(rows.join("\n"))
}
