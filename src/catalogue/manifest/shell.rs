//! What an argv may not be: a shell line in disguise, or code made of a value.

use super::{Argument, Template};

/// Programs that read their argument after `-c` as a command line.
const SHELLS: &[&str] =
    &["sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox", "pwsh", "powershell"];
/// Programs that read an argument as code, and the options before it.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("python3", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "--eval", "-p", "--print"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("eval", &[]),
];

/// The first thing that is wrong with an argv, and what to do about it.
pub(super) fn fault(argv: &[Argument]) -> Option<(String, &'static str)> {
    let Some(Argument::Element(program)) = argv.first() else {
        return Some((
            "expected a program as the first element of `argv`".to_owned(),
            "write `argv = [\"program\", …]`",
        ));
    };
    if program.literal().is_none_or(str::is_empty) {
        let message = format!("`{}`: the program must not be computed", program.source());
        return Some((message, "name the program; only its arguments may hold `{{ expressions }}`"));
    }
    let elements: Vec<&Template> = argv
        .iter()
        .flat_map(|argument| match argument {
            Argument::Element(element) => std::slice::from_ref(element),
            Argument::Group(_, elements) => elements,
        })
        .collect();
    elements.iter().enumerate().find_map(|(index, element)| {
        let name = base_name(element.literal()?);
        let rest = &elements[index + 1..];
        if SHELLS.contains(&name) && rest.iter().any(|argument| argument.literal().is_some_and(takes_command)) {
            let hint = "name the program and its arguments as elements of `argv`, without a shell";
            return Some((format!("`{name} -c` is a shell line"), hint));
        }
        let (_, options) = INTERPRETERS.iter().find(|(interpreter, _)| *interpreter == name)?;
        let code = rest.windows(2).any(|pair| {
            pair[0].literal().is_some_and(|option| options.contains(&option)) && pair[1].literal().is_none()
        });
        code.then(|| {
            (
                format!("`{name}` would run code made of a value"),
                "give the value as an argument or an environment variable",
            )
        })
    })
}

/// `-c`, also among other short options: `-lc`.
fn takes_command(argument: &str) -> bool {
    argument.eq_ignore_ascii_case("-command")
        || (argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c'))
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(elements: &[&str]) -> Vec<Argument> {
        elements.iter().map(|element| Argument::Element(Template::parse(element).unwrap())).collect()
    }

    #[test]
    fn shells_and_computed_programs_are_refused() {
        for (elements, message) in [
            (&["{{ service }}", "x"][..], "`{{ service }}`: the program must not be computed"),
            (&["sh", "-c", "restart {{ service }}"], "`sh -c` is a shell line"),
            (&["sudo", "/bin/bash", "-lc", "x"], "`bash -c` is a shell line"),
            (&["env", "A=1", "dash", "-ec", "x"], "`dash -c` is a shell line"),
            (&["python3", "-c", "print('{{ x }}')"], "`python3` would run code made of a value"),
            (&[], "expected a program as the first element of `argv`"),
        ] {
            assert_eq!(fault(&argv(elements)).unwrap().0, message);
        }
        for fine in
            [&["systemctl", "restart", "--", "{{ service }}"][..], &["python3", "-c", "print(1)"], &["gcc", "-c"]]
        {
            assert_eq!(fault(&argv(fine)), None);
        }
    }
}
