//! Runbooks as people write them, and as nobody should.

use super::*;

fn document(body: &str) -> Document<'_> {
    Document { name: "errors.md", title: "Elevated errors", symptoms: &[], alerts: &[], body, first_line: 6 }
}

/// One line for each passage: place, text, steps.
fn shown(body: &str) -> Vec<String> {
    let show = |chunk: &Chunk| {
        let steps: Vec<_> = chunk.steps.iter().map(|step| format!(" [{}: {}]", step.line, step.text)).collect();
        format!("{} {}: {:?}{}", chunk.line, chunk.section(), chunk.text, steps.concat())
    };
    chunks(&document(body)).iter().map(show).collect()
}

#[test]
fn headings_are_borders_and_steps_are_not_text() {
    let body = "\
# Elevated errors

Too many requests fail.

## Diagnosis
Look at the rate:
```sayso
metric.show metric=error_rate service=<service> window=PT15M

logs.tail service=<service>
```
Then at the *release*.

## Mitigation
### Roll back
```sayso
deploy.rollback service=<service>
```
Wait for it.
### Otherwise
```sayso
service.restart service=<service>
```
```bash
kubectl get pods
```
";
    assert_eq!(
        shown(body),
        [
            "8 Elevated errors: \"Too many requests fail.\"",
            "11 Diagnosis: \"Look at the rate:\\n\\nThen at the *release*.\" \
             [13: metric.show metric=error_rate service=<service> window=PT15M] [15: logs.tail service=<service>]",
            "24 Mitigation › Roll back: \"Wait for it.\" [22: deploy.rollback service=<service>]",
            "29 Mitigation › Otherwise: \"```bash\\nkubectl get pods\\n```\" [27: service.restart service=<service>]",
        ]
    );
}

#[test]
fn lists_keep_their_form_and_give_their_steps() {
    let body = "\
## Mitigation
1. Roll back:

   ```sayso
   deploy.rollback service=<service>
   ```
2. Restart `checkout`:
   - slowly

<!-- for the authors -->

> Call **somebody**.

| a | b |
|---|---|
| 1 | 2 |
";
    assert_eq!(
        shown(body),
        ["7 Mitigation: \"1. Roll back:\\n\\n2. Restart `checkout`:\\n   - slowly\\n\\n> Call **somebody**.\\n\\n\
          | a | b |\\n|---|---|\\n| 1 | 2 |\" [10: deploy.rollback service=<service>]"]
    );
}

#[test]
fn a_section_of_steps_only_is_a_passage_without_text() {
    let body = "## Mitigation\n\n```sayso\nservice.restart service=<service>\n```\n\n## Notes\n\n## End\nbye";
    assert_eq!(shown(body), ["9 Mitigation: \"\" [9: service.restart service=<service>]", "15 End: \"bye\""]);
}

#[test]
fn a_passage_ends_with_a_paragraph_an_item_or_a_sentence() {
    let sentence = format!("Word {}end. ", "word ".repeat(38));
    let paragraph = |sentences: usize| sentence.repeat(sentences);
    // 80 + 80 words: two; 40 + 40 + 40: one; 200 words in one paragraph: two; items: as paragraphs.
    let cases = [
        (format!("{}\n\n{}", paragraph(2), paragraph(2)), vec![80, 80]),
        (format!("{0}\n\n{0}\n\n{0}", paragraph(1)), vec![120]),
        (paragraph(5), vec![120, 80]),
        (format!("- {0}\n- {0}\n- {0}\n- {0}", paragraph(1)), vec![82, 82]),
        ("word ".repeat(500), vec![500]),
    ];
    for (body, expected) in cases {
        let found: Vec<_> = chunks(&document(&body)).iter().map(|chunk| words(&chunk.text)).collect();
        assert_eq!(found, expected, "{body:.60}");
    }
}

#[test]
fn odd_bodies_are_cut_too() {
    for body in ["", "\n\n\n", "##", "```sayso\n```", "<!-- nothing -->", "---", "## A\n## B"] {
        assert_eq!(shown(body), [""; 0], "{body:?}");
    }
    assert_eq!(shown("```sayso\nservice.list"), ["7 Elevated errors: \"\" [7: service.list]"]);
    assert_eq!(
        shown("Überschrift\n===\r\nText 🔥\r\n```sayso\r\nservice.list\r\n```\r\n"),
        ["8 Überschrift: \"Text 🔥\" [10: service.list]"]
    );
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_cut(body in "([#>*`|<\\-\n 1.]|sayso|word|\r\n|é|\t){0,60}") {
        let lines = body.matches('\n').count() + 1;
        for chunk in chunks(&document(&body)) {
            proptest::prop_assert!((6..6 + lines).contains(&chunk.line));
            proptest::prop_assert!(!chunk.text.is_empty() || !chunk.steps.is_empty());
        }
    }
}
