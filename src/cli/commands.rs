//! `completions` and `man`: what clap knows of the command line, in other forms.
//!
//! clap generates the completion scripts. Before, each option is given a hint of what its values are
//! ([`hinted`]), so that shells offer files only where files are meant; afterwards a word that stands for the
//! profiles of the AWS files gives way to a call of this program, which lists them. The manual pages are generated
//! section by section, so that the sections of [`help`] can follow the options, and then made [`tidy`]. There is
//! one page with all options for standard output, or one page per command in a folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ValueHint};
use clap_complete::Shell;

use super::help;
use roottrail::source::s3::profile_names;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionArgs {
    /// The shell
    #[arg(required_unless_present = "profiles")]
    shell: Option<Shell>,

    /// Print the profiles of the AWS configuration files, as the scripts ask for them
    #[arg(long, hide = true)]
    profiles: bool,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write a page for each command into this directory, instead of one to standard output
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// A word in the scripts that stands for the profiles.
const PROFILES: &str = "ROOTTRAIL_PROFILES";

pub(super) fn completions(args: &CompletionArgs, command: clap::Command) -> anyhow::Result<ExitCode> {
    match args.shell {
        Some(shell) if !args.profiles => print(script(shell, command)?.as_bytes()),
        _ => print(profile_names().iter().map(|name| format!("{name}\n")).collect::<String>().as_bytes()),
    }
}

/// Returns the completion script for a shell.
fn script(shell: Shell, command: clap::Command) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut hinted(command), "roottrail", &mut script);
    let script = String::from_utf8(script).context("a completion script is not UTF-8")?;
    let ask = "roottrail completions --profiles 2>/dev/null";
    let offer = format!(r#"{{local -a known; known=(${{(f)"$({ask})"}}); compadd -a known}}"#);
    Ok(match shell {
        Shell::Bash => script.replace(PROFILES, &format!("$({ask})")),
        Shell::Zsh => script.replace(&format!("({PROFILES})"), &offer),
        Shell::Fish => script.replace(&format!("\"{PROFILES}\\t''\""), &format!("\"({ask})\"")),
        // The scripts of the other shells complete no values.
        _ => script,
    })
}

/// Returns the command line with what the values of its options are.
fn hinted(command: clap::Command) -> clap::Command {
    command.mut_subcommands(|sub| hinted(sub.mut_args(hinted_arg)))
}

fn hinted_arg(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    if arg.get_id() == "profile" {
        return arg.value_parser([PROFILES]);
    }
    let names: Vec<&str> =
        arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    let hint = match names[..] {
        ["FILE" | "MANIFEST" | "PLAN" | "FORMAT:FILE" | "CIDR|FILE"] => ValueHint::FilePath,
        ["SOURCE" | "FINDINGS" | "CREDENTIAL-REPORT" | "PLACE"] => ValueHint::AnyPath,
        ["DIR"] => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    arg.value_hint(hint)
}

pub(super) fn man(args: &ManArgs, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    command.build();
    let Some(dir) = &args.dir else { return print(tidy(&whole_page(&command)?)?.as_bytes()) };
    let write = |name: &str, page: &[u8]| -> anyhow::Result<()> {
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, tidy(page)?).with_context(|| format!("cannot write {}", path.display()))
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    write("roottrail", &main_page(&command)?)?;
    let commands: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
    for sub in commands {
        let name = format!("roottrail-{}", sub.get_name());
        write(&name, &sub_page(sub, &name)?)?;
    }
    said(dir)
}

/// The day of the last change to what the pages say.
const DAY: &str = "2026-11-26";
/// Bytes of a line of a page.
const LINE: usize = 80;

/// Returns a page as `mandoc -T lint` wants it: a title in capitals with a date, no blanks at the ends of lines, no
/// empty paragraphs, and lines of at most 80 bytes. The page looks no different.
fn tidy(page: &[u8]) -> anyhow::Result<String> {
    let page = std::str::from_utf8(page).context("a page is not UTF-8")?;
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    let mut out = String::with_capacity(page.len());
    for (at, line) in lines.iter().enumerate() {
        let beside_blank = || {
            let blank =
                |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|line| line.is_empty());
            blank(at.checked_sub(1)) || blank(Some(at + 1))
        };
        match line {
            // A blank line breaks the text by itself.
            &".br" if beside_blank() => {}
            &"" => out.push_str(".sp\n"),
            line if line.starts_with(".TH ") => {
                let name = line.split(' ').nth(1).unwrap_or_default().to_uppercase();
                let version = env!("CARGO_PKG_VERSION");
                out.push_str(&format!(".TH {name} 1 {DAY} \"roottrail {version}\" \"User Commands\"\n"));
            }
            // The line behind .TP is a tag, which must not be folded.
            line if line.starts_with(['.', '\'']) || at > 0 && lines[at - 1] == ".TP" => {
                out.push_str(&format!("{line}\n"))
            }
            line => fold(line, &mut out),
        }
    }
    Ok(out)
}

/// Appends a line of text, folded between words: the page fills its own lines.
fn fold(line: &str, out: &mut String) {
    let mut used = 0;
    for word in line.split(' ') {
        let request = word.starts_with(['.', '\'']);
        if used > 0 && used + 1 + word.len() > LINE {
            out.push('\n');
            used = 0;
            if request {
                // In the middle of a text it is no request.
                out.push_str("\\&");
                used = 2;
            }
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += word.len();
    }
    out.push('\n');
}

fn said(dir: &Path) -> anyhow::Result<ExitCode> {
    super::terminal::line(&format!(
        "roottrail: pages are in {}",
        super::terminal::plain(&dir.display().to_string())
    ));
    Ok(ExitCode::SUCCESS)
}

/// Returns one page with the options of every command.
fn whole_page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = main_page(command)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        section(&mut page, &format!("ROOTTRAIL {}", sub.get_name().to_uppercase()));
        let man = clap_mangen::Man::new(sub.clone());
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        jobs(&mut page, sub)?;
    }
    Ok(page)
}

/// Returns the page of the whole program, which names the others.
fn main_page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    section(&mut page, "COMMANDS");
    let mut see = Vec::new();
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        item(&mut page, &format!("roottrail-{}(1)", sub.get_name()), &about);
        see.push(format!("roottrail-{}(1)", sub.get_name()));
    }
    if let Some(scan) = help::page("scan") {
        further(&mut page, scan);
    }
    section(&mut page, "SEE ALSO");
    text(&mut page, &see.join(", "));
    Ok(page)
}

fn sub_page(command: &clap::Command, name: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone().name(name.to_owned()).after_long_help(""));
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    jobs(&mut page, command)?;
    if let Some(further_sections) = help::page(command.get_name()) {
        further(&mut page, further_sections);
    }
    section(&mut page, "SEE ALSO");
    text(&mut page, "roottrail(1)");
    Ok(page)
}

/// Appends the options of the commands that a command has.
fn jobs(page: &mut Vec<u8>, command: &clap::Command) -> io::Result<()> {
    for job in command.get_subcommands().filter(|job| job.get_name() != "help") {
        let name = format!("roottrail {} {}", command.get_name(), job.get_name());
        section(page, &name.to_uppercase());
        let man = clap_mangen::Man::new(job.clone());
        man.render_description_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}

/// Appends what a page says beyond the options.
fn further(page: &mut Vec<u8>, of: &help::Page) {
    section(page, "INPUT");
    text(page, of.reads);
    section(page, "EXAMPLES");
    for (command, what) in of.examples {
        item(page, command, what);
    }
    section(page, "EXIT STATUS");
    for (code, what) in of.exit {
        item(page, &code.to_string(), what);
    }
    for (title, entries) in [("ENVIRONMENT", of.environment), ("FILES", of.files)] {
        if !entries.is_empty() {
            section(page, title);
            for (name, what) in entries {
                item(page, name, what);
            }
        }
    }
}

fn section(page: &mut Vec<u8>, title: &str) {
    page.extend_from_slice(format!(".SH {}\n", roff_text(title, true)).as_bytes());
}

fn item(page: &mut Vec<u8>, name: &str, what: &str) {
    // As the argument of a request, a name may be longer than a line of text should be.
    let name = roff_text(name, false).replace('"', "\\(dq");
    page.extend_from_slice(format!(".TP\n.B {name}\n{}\n", roff_text(what, false)).as_bytes());
}

fn text(page: &mut Vec<u8>, words: &str) {
    page.extend_from_slice(format!("{}\n", roff_text(words, false)).as_bytes());
}

/// Returns a text as roff reads it, without requests and escapes.
fn roff_text(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...");
    match text.chars().next() {
        _ if quoted => format!("\"{text}\""),
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}

/// Writes a command's whole output.
pub(super) fn print(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the arguments with a closed list, and their values.
    fn closed(command: &clap::Command) -> Vec<(String, Vec<String>, bool, bool)> {
        let takes = |arg: &&clap::Arg| arg.get_action().takes_values() && !arg.is_hide_set();
        command
            .get_arguments()
            .filter(takes)
            .map(|arg| {
                let values = arg.get_possible_values();
                let names = values.iter().filter(|value| !value.is_hide_set());
                let names = names.map(|value| value.get_name().to_owned()).collect();
                (arg.get_id().to_string(), names, arg.is_hide_possible_values_set(), arg.is_positional())
            })
            .filter(|(_, names, ..): &(_, Vec<_>, _, _)| !names.is_empty())
            .collect()
    }

    #[test]
    fn closed_values_stand_in_help_man_pages_and_completions() {
        let mut whole = crate::cli::command();
        whole.build();
        let scripts =
            [Shell::Bash, Shell::Zsh, Shell::Fish].map(|shell| script(shell, crate::cli::command()).unwrap());
        let mut seen = 0;
        for sub in whole.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let help =
                [sub.clone().render_help(), sub.clone().render_long_help()].map(|help| help.to_string());
            let page = String::from_utf8(sub_page(sub, sub.get_name()).unwrap()).unwrap().replace("\\-", "-");
            for (arg, values, hidden, positional) in closed(sub) {
                for value in values {
                    seen += 1;
                    // fish completes options, and leaves positional arguments to the user.
                    let scripts = scripts.iter().take(if positional { 2 } else { 3 });
                    let places = help.iter().chain([&page]).filter(|_| !hidden).chain(scripts);
                    for text in places {
                        assert!(text.contains(&value), "{} --{arg}: no {value} in {text}", sub.get_name());
                    }
                }
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn every_command_has_examples_and_exit_codes_in_its_long_help_only() {
        for sub in crate::cli::command().get_subcommands() {
            let (short, long) =
                (sub.clone().render_help().to_string(), sub.clone().render_long_help().to_string());
            let page = help::page(sub.get_name()).unwrap_or_else(|| panic!("{} has no page", sub.get_name()));
            assert!(page.examples.len() >= 3 && !page.exit.is_empty(), "{}", sub.get_name());
            assert!(long.contains("Exit codes:") && !short.contains("Exit codes:"), "{}", sub.get_name());
        }
    }

    #[test]
    fn files_are_offered_where_files_are_meant_and_profiles_by_the_program() {
        let mut files = 0;
        let whole = hinted(crate::cli::command());
        for sub in whole.get_subcommands().flat_map(|sub| std::iter::once(sub).chain(sub.get_subcommands())) {
            for arg in sub.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                let names = arg.get_value_names().unwrap_or_default().join(" ");
                let path = ["FILE", "DIR", "SOURCE", "FINDINGS", "REPORT", "MANIFEST", "PLAN", "PLACE"];
                let meant = path.iter().any(|word| names.contains(word));
                let offered = !matches!(arg.get_value_hint(), ValueHint::Other | ValueHint::Unknown);
                assert_eq!(meant, offered, "{} {}", sub.get_name(), arg.get_id());
                files += usize::from(offered);
            }
        }
        assert!(files > 30, "{files}");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = script(shell, crate::cli::command()).unwrap();
            assert!(!script.contains(PROFILES), "{shell}");
            let asks = matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish);
            assert_eq!(script.contains("roottrail completions --profiles"), asks, "{shell}");
        }
    }

    #[test]
    fn a_tidy_page_says_the_same_in_short_lines() {
        let long = "a word and ".repeat(20);
        let page = format!(".TH roottrail 1  \"roottrail \" \n{long}.x\n.br\n\n.br\n\\fIx\\fR\n");
        let tidied = tidy(page.as_bytes()).unwrap();
        assert!(tidied.starts_with(".TH ROOTTRAIL 1 20") && tidied.contains("\n.sp\n\\fIx"), "{tidied}");
        assert!(tidied.lines().all(|line| line.len() <= LINE && line == line.trim_end()), "{tidied}");
        assert!(tidied.replace('\n', " ").contains(&format!("{long}.x")), "{tidied}");
        let mut out = String::new();
        fold(&format!("{} .SH", "x".repeat(79)), &mut out);
        assert_eq!(out, format!("{}\n\\&.SH\n", "x".repeat(79)));
    }

    #[test]
    fn nothing_in_a_page_is_a_request_by_accident() {
        assert_eq!(roff_text(".TH", false), "\\&.TH");
        assert_eq!(roff_text("a\\b-c", false), "a\\eb\\-c");
    }
}
